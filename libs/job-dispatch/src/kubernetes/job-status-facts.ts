import { redactSecrets } from '@cloudscan/telemetry';
import { redactedTail } from '../log-tail.ts';
import { labelNames } from './labels.ts';
import { runnerContainer } from './manifest.ts';
import type { WireJob, WirePod } from './resources.ts';

/** The platform's word for something, and what it says about it: redacted and trimmed. */
export interface Statement {
  readonly condition: string;
  readonly message: string;
}

/** What is kept of a Job, a few hundred bytes of several thousand. Times are milliseconds since 1970. */
export interface JobFacts {
  readonly name: string;
  readonly version: string;
  readonly namespace: string;
  readonly scanId: string;
  readonly organizationId: string;
  readonly attempt: number;
  readonly createdAt: number;
  /** Since when its controller works on it; null while that has not seen it, or it is suspended. */
  readonly startedAt: number | null;
  readonly isDeleted: boolean;
  readonly isSuspended: boolean;
  /** Kueue decides when it runs, and suspends it until then. */
  readonly isQueued: boolean;
  readonly end: JobEnd | null;
}

interface JobEnd extends Statement {
  readonly hasSucceeded: boolean;
  readonly at: number | null;
}

/** What is kept of a Pod. Times are milliseconds since 1970. */
export interface PodFacts {
  readonly name: string;
  readonly version: string;
  readonly jobName: string;
  readonly createdAt: number;
  /** When its grace ends, once it was deleted: Kubernetes sets `deletionTimestamp` that far ahead. */
  readonly goneBy: number | null;
  /** It was seen, and exists no more. */
  readonly isGone: boolean;
  readonly phase: string;
  /** Why it is in its phase, such as `Evicted`. */
  readonly cause: Statement | null;
  /** Of the condition `DisruptionTarget`: who ended it from outside. */
  readonly disruption: Statement | null;
  /** Why no node takes it. */
  readonly unscheduled: Statement | null;
  /** Since when a node has it and has given it neither volumes nor a network. */
  readonly unpreparedSince: number | null;
  /** Why a container of it waits, other than in the ordinary course. */
  readonly waiting: Statement | null;
  /** When the runner started. */
  readonly startedAt: number | null;
  readonly exit: ContainerExit | null;
}

/** Its message is the container runtime's or, where the runner failed by itself, the end of its log. */
export interface ContainerExit extends Statement {
  readonly exitCode: number;
  readonly at: number | null;
}

/** Characters. */
const messageLimit = 1024;
/** Bytes; the kubelet takes as many of a log. */
const lastWordsLimit = 2048;
const ordinaryWaits = ['', 'ContainerCreating', 'PodInitializing'];
/** The first of each two is the end; the other one announces it while pods still end. */
const successConditions = ['Complete', 'SuccessCriteriaMet'];
const failureConditions = ['Failed', 'FailureTarget'];

/** Null for a Job that is not one of ours, whatever selector found it. */
export function readJob({ metadata = {}, spec, status }: WireJob): JobFacts | null {
  const { name, labels = {} } = metadata;
  const scanId = labels[labelNames.scanId];
  const organizationId = labels[labelNames.organizationId];
  const attempt = Number(labels[labelNames.attempt]);
  if (name === undefined || scanId === undefined || organizationId === undefined || !Number.isSafeInteger(attempt)) return null;
  return {
    name,
    version: metadata.resourceVersion ?? '',
    namespace: metadata.namespace ?? '',
    scanId,
    organizationId,
    attempt,
    createdAt: timeOf(metadata.creationTimestamp) ?? 0,
    startedAt: timeOf(status?.startTime),
    isDeleted: timeOf(metadata.deletionTimestamp) !== null,
    isSuspended: spec?.suspend === true,
    isQueued: labels['kueue.x-k8s.io/queue-name'] !== undefined,
    end: endIn(status?.conditions ?? []),
  };
}

/** Null for a pod of no Job. */
export function readPod({ metadata = {}, status = {} }: WirePod): PodFacts | null {
  const { name, labels = {} } = metadata;
  const jobName = labels[labelNames.jobName];
  if (name === undefined || jobName === undefined) return null;
  const { containerStatuses = [], initContainerStatuses = [] } = status;
  const runner = containerStatuses.find((container) => container.name === runnerContainer) ?? containerStatuses[0];
  const { running, terminated } = runner?.state ?? {};
  const waiting = [...initContainerStatuses, ...containerStatuses]
    .map(({ state }) => state?.waiting)
    .find((wait) => wait !== undefined && !ordinaryWaits.includes(wait.reason ?? ''));
  return {
    name,
    version: metadata.resourceVersion ?? '',
    jobName,
    createdAt: timeOf(metadata.creationTimestamp) ?? 0,
    goneBy: timeOf(metadata.deletionTimestamp),
    isGone: false,
    phase: status.phase ?? 'Pending',
    cause: statementOrNull(status.reason, status.message),
    ...conditionsOf(status.conditions ?? []),
    waiting: statementOrNull(waiting?.reason, waiting?.message),
    startedAt: timeOf(running?.startedAt ?? terminated?.startedAt),
    exit: terminated === undefined ? null : exitOf(terminated),
  };
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions */
function conditionsOf(conditions: readonly Condition[]): Pick<PodFacts, 'disruption' | 'unscheduled' | 'unpreparedSince'> {
  const find = (wanted: string, value: string): Condition | undefined =>
    conditions.find(({ type, status }) => type === wanted && status === value);
  const disruption = find('DisruptionTarget', 'True');
  const unscheduled = find('PodScheduled', 'False');
  return {
    disruption: statementOrNull(disruption?.reason ?? disruption?.type, disruption?.message),
    // A pod with a scheduling gate waits for whoever set that.
    unscheduled: unscheduled?.reason === 'Unschedulable' ? statement(unscheduled.reason, unscheduled.message) : null,
    unpreparedSince: timeOf(find('PodReadyToStartContainers', 'False')?.lastTransitionTime),
  };
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

function endIn(conditions: readonly Condition[]): JobEnd | null {
  for (const wanted of [...successConditions, ...failureConditions]) {
    const found = conditions.find(({ type, status }) => type === wanted && status === 'True');
    if (found === undefined) continue;
    const { type, reason = type, message, lastTransitionTime } = found;
    return { ...statement(reason, message), hasSucceeded: successConditions.includes(type), at: timeOf(lastTransitionTime) };
  }
  return null;
}

interface Termination {
  readonly exitCode: number;
  readonly reason?: string;
  readonly message?: string;
  readonly finishedAt?: string;
}

function exitOf({ exitCode, reason, message, finishedAt }: Termination): ContainerExit {
  return { condition: reason ?? '', message: redactedTail(message ?? '', lastWordsLimit), exitCode, at: timeOf(finishedAt) };
}

function statementOrNull(condition: string | undefined, message: string | undefined): Statement | null {
  return condition === undefined || condition === '' ? null : statement(condition, message);
}

/** As it may be kept and shown. Redacted before it is cut, since half a credential is not known as one. */
export function statement(condition: string, message = ''): Statement {
  return { condition, message: redactSecrets(message.replaceAll('\0', '')).slice(0, messageLimit) };
}

/** The zero time that an API server writes as null is none. */
function timeOf(time: string | Date | null | undefined): number | null {
  return time === undefined || time === null ? null : new Date(time).getTime();
}
