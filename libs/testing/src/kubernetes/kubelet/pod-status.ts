import type { Container, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from './kubernetes-types.ts';

/** Why the kubelet ends a pod of its own accord. */
export interface PodTermination {
  /** The pod's `status.reason`: `Evicted`, `DeadlineExceeded`, `Terminated`, … */
  readonly reason: string;
  readonly message: string;
  /** Whether the pod is the victim of something else, which its condition DisruptionTarget then says. */
  readonly isDisruption: boolean;
}

/** What a kubelet knows of a pod. */
export interface PodObservation {
  readonly startTime: Date;
  readonly states: ReadonlyMap<string, ContainerState>;
  /** Null unless the kubelet ends it. It shows in the status once no container runs any more. */
  readonly termination: PodTermination | null;
}

const hostIP = '127.0.0.1';

/**
 * The status that a kubelet reports, following generateAPIPodStatus and getPhase of Kubernetes 1.35 for pods whose
 * restartPolicy is Never and whose init containers are sidecars.
 */
export function podStatus(pod: Pod, observed: PodObservation, now: Date): PodStatus {
  const { initContainers = [], containers } = pod.spec;
  const ordinaryWait = initContainers.length === 0 ? 'ContainerCreating' : 'PodInitializing';
  const statusesOf = (some: readonly Container[]): ContainerStatus[] =>
    some.map(({ name, image }) => containerStatus(pod, name, image, observed.states.get(name) ?? { waiting: { reason: ordinaryWait } }));
  const containerStatuses = statusesOf(containers);
  const initContainerStatuses = statusesOf(initContainers);
  const phase = podPhase(containerStatuses, initContainerStatuses, observed);
  const hasEnded = phase === 'Succeeded' || phase === 'Failed';
  const wasStarted = containerStatuses.some(({ containerID }) => containerID !== undefined);
  return {
    phase,
    ...(phase === 'Failed' && observed.termination !== null && whyOf(observed.termination)),
    conditions: podConditions(pod, { phase, hasEnded, wasStarted, containerStatuses }, observed, now),
    ...(initContainers.length > 0 && { initContainerStatuses }),
    containerStatuses,
    hostIP,
    ...(wasStarted && { podIP: hostIP, podIPs: [{ ip: hostIP }] }),
    hostIPs: [{ ip: hostIP }],
    startTime: timestamp(observed.startTime),
  };
}

/** A pod with sidecars has ended when they have too; how they ended does not count. */
function podPhase(
  statuses: readonly ContainerStatus[],
  sidecars: readonly ContainerStatus[],
  { termination }: PodObservation,
): PodStatus['phase'] {
  if (statuses.some(({ state }) => state.waiting !== undefined)) return 'Pending';
  if ([...statuses, ...sidecars].some(({ state }) => state.running !== undefined)) return 'Running';
  const allSucceeded = statuses.every(({ state }) => state.terminated?.exitCode === 0);
  return allSucceeded && termination === null ? 'Succeeded' : 'Failed';
}

interface Summary {
  readonly phase: PodStatus['phase'];
  readonly hasEnded: boolean;
  readonly wasStarted: boolean;
  readonly containerStatuses: readonly ContainerStatus[];
}

function podConditions(pod: Pod, summary: Summary, { termination }: PodObservation, now: Date): readonly PodCondition[] {
  const { phase, hasEnded, wasStarted, containerStatuses } = summary;
  const unready = containerStatuses.filter(({ ready }) => !ready).map(({ name }) => name);
  const readiness = hasEnded
    ? { status: 'False' as const, reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : unready.length === 0
      ? { status: 'True' as const }
      : { status: 'False' as const, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const current: readonly Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>[] = [
    ...(hasEnded && termination?.isDisruption === true
      ? [{ type: 'DisruptionTarget', status: 'True' as const, reason: 'TerminationByKubelet', message: termination.message }]
      : []),
    { type: 'PodReadyToStartContainers', status: wasStarted && !hasEnded ? 'True' : 'False' },
    { type: 'Initialized', status: 'True', ...(phase === 'Succeeded' && { reason: 'PodCompleted' }) },
    { type: 'Ready', ...readiness },
    { type: 'ContainersReady', ...readiness },
    { type: 'PodScheduled', status: 'True' },
  ];
  // Conditions are merged by type, so that those of others stay; a word of ours that holds no longer has to be taken away.
  return current.map((condition) => ({
    reason: null,
    message: null,
    ...condition,
    lastProbeTime: null,
    lastTransitionTime: transitionTime(pod, condition, now),
  }));
}

/** A condition keeps its time while its status stays the same. */
function transitionTime(pod: Pod, { type, status }: Pick<PodCondition, 'type' | 'status'>, now: Date): string {
  const before = pod.status?.conditions?.find((condition) => condition.type === type);
  return before?.status === status ? before.lastTransitionTime : timestamp(now);
}

function containerStatus(pod: Pod, name: string, image: string, state: ContainerState): ContainerStatus {
  const isRunning = state.running !== undefined;
  const wasStarted = state.waiting === undefined && state !== neverStarted;
  const containerID = wasStarted ? `process://${pod.metadata.uid}-${name}` : undefined;
  return {
    name,
    state: state.terminated === undefined || containerID === undefined ? state : { terminated: { ...state.terminated, containerID } },
    lastState: {},
    ready: isRunning,
    started: isRunning,
    restartCount: 0,
    image,
    imageID: containerID === undefined ? '' : image,
    ...(containerID !== undefined && { containerID }),
  };
}

/** What becomes of a container that was never started when its pod ends, as the kubelet puts it. */
export const neverStarted: ContainerState = {
  terminated: {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
    startedAt: null,
    finishedAt: null,
  },
};

function whyOf({ reason, message }: PodTermination): Pick<PodTermination, 'reason' | 'message'> {
  return { reason, message };
}

/** Kubernetes times have whole seconds. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
