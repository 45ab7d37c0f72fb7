import { constants } from 'node:os';
import type { FailureEvidence, FailureReason } from '@cloudscan/domain';
import type { JobBlockage, JobStatus } from '@cloudscan/orchestration';
import { classifyExit } from '../local/classify-exit.ts';
import { statement } from './job-status-facts.ts';
import type { ContainerExit, JobFacts, PodFacts, Statement } from './job-status-facts.ts';

/** Milliseconds beyond its grace after which a pod that still ends is on a node that answers no more. */
const endingLimitMs = 30_000;
/** Milliseconds that the Job controller has to make a pod, and a node to prepare one. */
const startLimitMs = 30_000;

/**
 * What a Job and its pods, together, say of an attempt.
 *
 * It has ended when each of its pods is over, and there was one or the Job says that it ends: with `backoffLimit: 0` no other
 * pod follows. A pod is over by its phase, which the kubelet makes final only once all containers have ended, and together with
 * their exit codes; by its removal; or when it is deleted and its node doesn't answer. So an attempt whose Job has failed runs
 * while its pod still ends, and a Job's deletion is not its end, but may explain it.
 *
 * @param refusal what the Job's last event `FailedCreate` says; null when there is none or nobody looked
 */
export function judgeJob(job: JobFacts, pods: readonly PodFacts[], now: Date, refusal: string | null = null): JobStatus {
  const time = now.getTime();
  const newestFirst = pods.toSorted((a, b) => b.createdAt - a.createdAt);
  const open = newestFirst.find((pod) => !isOver(pod, time));
  const pod = open ?? newestFirst.find(hasSucceeded) ?? newestFirst[0];
  const { name, namespace, scanId, organizationId, attempt, createdAt } = job;
  const status = {
    ...{ jobName: name, namespace, scanId, organizationId, attempt, blockage: null, reason: null, evidence: null },
    ...{ createdAt: new Date(createdAt), startedAt: dateOf(pod?.startedAt), endedAt: null },
  };
  if (open !== undefined) {
    return hasStarted(open) ? { ...status, phase: 'running' } : { ...status, phase: 'pending', blockage: blockageOf(open, time) };
  }
  const failure = pod === undefined ? failureOfJob(job) : failureOf(job, pod);
  if (failure === null && pod === undefined && job.end === null) {
    return { ...status, phase: 'pending', blockage: blockageWithoutPod(job, time, refusal) };
  }
  const endedAt = dateOf(pod?.exit?.at ?? job.end?.at ?? pod?.goneBy);
  const evidence = evidenceOf(pod, failure);
  if (failure === null) return { ...status, phase: 'succeeded', evidence, endedAt };
  return { ...status, phase: 'failed', reason: failure.reason, evidence, endedAt };
}

function isOver({ phase, isGone, goneBy }: PodFacts, now: number): boolean {
  return phase === 'Succeeded' || phase === 'Failed' || isGone || (goneBy !== null && now > goneBy + endingLimitMs);
}

function hasStarted({ phase, startedAt }: PodFacts): boolean {
  return startedAt !== null || phase !== 'Pending';
}

/** What stands beside the runner in its pod may fail as it likes. */
function hasSucceeded({ phase, exit }: PodFacts): boolean {
  return exit === null ? phase === 'Succeeded' : exit.exitCode === 0;
}

/**
 * Why a pod that is over failed; null when it did not. A cause stands before what it brings about: a runner that is out of
 * memory fails its pod, a deadline or an eviction ends the runner by signal.
 */
function failureOf(job: JobFacts, pod: PodFacts): JobBlockage | null {
  if (hasSucceeded(pod)) return null;
  const { exit, cause, disruption } = pod;
  const ofExit = reasonOfExit(exit);
  // These two are the runner's own, whatever happened to its pod at the same time.
  if (exit !== null && (ofExit === 'oom_killed' || ofExit === 'tool_error')) return { ...wordOf(exit), reason: ofExit };
  const ofJob = failureOfJob(job);
  if (ofJob?.reason === 'cancelled') return ofJob;
  // A pod that never started says better than the deadline what it lacked.
  if (ofJob?.reason === 'deadline_exceeded') return (hasStarted(pod) ? null : obstacleOf(pod)) ?? ofJob;
  if (cause !== null) return { ...cause, reason: reasonOfCause(cause, pod) };
  if (disruption !== null) return { ...disruption, reason: reasonOfDisruption(disruption, pod) };
  if (job.isSuspended) return { reason: 'preempted', ...statement('JobSuspended') };
  // Its deletion sends signals, and takes pods that never ran. A runner that fails otherwise does so by itself.
  const isDeleted = pod.goneBy !== null || pod.isGone;
  if (isDeleted && (ofExit === 'preempted' || ofExit === 'runner_lost')) {
    return { reason: 'runner_lost', ...statement(job.isDeleted ? 'JobDeleted' : 'PodDeleted') };
  }
  return { ...(exit === null ? statement('') : wordOf(exit)), reason: ofExit };
}

/** Why a Job ends, as far as it says so itself; null when it does not end, or well. */
function failureOfJob({ end, isSuspended, isQueued, isDeleted }: JobFacts): JobBlockage | null {
  if (end?.hasSucceeded === true) return null;
  if (isSuspended && !isQueued) return { reason: 'cancelled', ...statement('JobSuspended') };
  if (end !== null) {
    const { condition, message } = end;
    return { reason: condition === 'DeadlineExceeded' ? 'deadline_exceeded' : 'runner_lost', condition, message };
  }
  return isDeleted ? { reason: 'runner_lost', ...statement('JobDeleted') } : null;
}

function reasonOfExit(exit: ContainerExit | null): FailureReason {
  if (exit === null) return 'runner_lost';
  const { exitCode, condition } = exit;
  switch (condition) {
    // The container had vanished when its pod was ended: https://github.com/kubernetes/kubernetes/issues/104107
    case 'ContainerStatusUnknown':
      return 'runner_lost';
    // Its program could not be started; the exit code is the container runtime's.
    case 'StartError':
    case 'ContainerCannotRun':
      return 'internal';
    default:
      return classifyExit({ exitCode, signal: null, condition, cancelRequested: false }) ?? 'internal';
  }
}

/** `status.reason` of a pod that has failed: who failed it, where that was not its container. */
function reasonOfCause({ condition }: Statement, { disruption, startedAt }: PodFacts): FailureReason {
  switch (condition) {
    case 'DeadlineExceeded':
      return 'deadline_exceeded';
    // The kubelet evicts a pod because its node is short of something, which makes it a DisruptionTarget, or because the pod
    // uses more disk than it may, which does not: then another node is no help.
    case 'Evicted':
      return disruption === null ? 'quota' : 'evicted';
    // For a pod that the node itself needs; in an orderly shutdown of the node, before and since Kubernetes 1.22.
    case 'Preempting':
    case 'Shutdown':
    case 'NodeShutdown':
    case 'Terminated':
      return 'preempted';
    case 'NodeLost':
      return 'runner_lost';
    // The node that it was bound to refused it, with a word of many: OutOfcpu, NodeAffinity, UnexpectedAdmissionError, …
    default:
      return startedAt === null ? 'unschedulable' : 'runner_lost';
  }
}

/** https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions */
function reasonOfDisruption({ condition }: Statement, { exit }: PodFacts): FailureReason {
  switch (condition) {
    case 'PreemptionByScheduler':
      return 'preempted';
    // Its node is gone.
    case 'DeletionByPodGC':
      return 'runner_lost';
    // Nodes that are drained get such a taint, and so do nodes that answer no more. Only the former say how the runner ended.
    case 'DeletionByTaintManager':
      return exit === null ? 'runner_lost' : 'evicted';
    default:
      return 'evicted';
  }
}

/** Why a pod cannot start; null when it is on its way. */
function blockageOf(pod: PodFacts, now: number): JobBlockage | null {
  const { unpreparedSince } = pod;
  const obstacle = obstacleOf(pod);
  if (obstacle !== null || unpreparedSince === null || now - unpreparedSince < startLimitMs) return obstacle;
  const message = 'its node has given it neither volumes nor a network; the events of the pod say why';
  return { reason: 'internal', ...statement('PodReadyToStartContainers', message) };
}

function obstacleOf({ waiting, unscheduled }: PodFacts): JobBlockage | null {
  if (waiting !== null) return { ...waiting, reason: reasonOfWaiting(waiting) };
  return unscheduled === null ? null : { ...unscheduled, reason: 'unschedulable' };
}

/** The kubelet's words in pkg/kubelet/images and pkg/kubelet/kuberuntime. */
function reasonOfWaiting({ condition }: Statement): FailureReason {
  switch (condition) {
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'InvalidImageName':
    case 'ErrImageNeverPull':
    case 'ImageInspectError':
    case 'RegistryUnavailable':
    case 'SignatureValidationFailed':
      return 'image_pull';
    // CreateContainerConfigError for a Secret that is not there, CreateContainerError, RunContainerError, hooks.
    default:
      return 'internal';
  }
}

/** A Job that its controller works on, though no pod comes of it. Kubernetes says why only in an event, and there only in words. */
function blockageWithoutPod({ startedAt }: JobFacts, now: number, refusal: string | null): JobBlockage | null {
  if (refusal !== null) return { reason: /exceeded quota/i.test(refusal) ? 'quota' : 'internal', ...statement('FailedCreate', refusal) };
  if (startedAt === null || now - startedAt < startLimitMs) return null;
  return { reason: 'unschedulable', ...statement('NoPod', 'Kubernetes has made no pod for it; the events of the Job say why') };
}

/** A container's reason where it says more than that there was an error. */
function wordOf(exit: ContainerExit): Statement {
  return { condition: exit.condition === 'Error' ? '' : exit.condition, message: isOfRuntime(exit) ? exit.message : '' };
}

function isOfRuntime({ condition }: ContainerExit): boolean {
  return condition === 'StartError' || condition === 'ContainerCannotRun' || condition === 'ContainerStatusUnknown';
}

/** The log of a pod that is there can be read, and says more than what its kubelet has kept of it. */
function evidenceOf(pod: PodFacts | undefined, failure: Statement | null): FailureEvidence {
  const exit = pod?.exit ?? null;
  const signal = exit === null ? undefined : signalOf(exit.exitCode);
  const logTail = pod?.isGone !== true || exit === null || isOfRuntime(exit) ? '' : exit.message;
  return {
    ...(exit === null ? {} : { exitCode: exit.exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(failure === null || failure.condition === '' ? {} : { condition: failure.condition }),
    ...(failure === null || failure.message === '' ? {} : { message: failure.message }),
    ...(logTail === '' ? {} : { logTail }),
  };
}

/** Container runtimes report a signal as 128 + its number. */
function signalOf(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}

function dateOf(time: number | null | undefined): Date | null {
  return time === null || time === undefined ? null : new Date(time);
}
