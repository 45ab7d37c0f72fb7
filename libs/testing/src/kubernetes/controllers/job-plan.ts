import { conditionOf, formatTime, isFinishedPod, isTrue, setCondition } from '../api-server/object.ts';
import type { Condition, Job, JobStatus, Pod } from '../api-server/object.ts';
import { isFinishedJob } from '../api-server/resources/jobs.ts';
import { count } from '../api-server/resources/cells.ts';

/** Keeps a pod until its end is counted: https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-tracking-with-finalizers */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';

/** What the Job controller does next about one Job. */
export interface JobPlan {
  /** Written first. */
  readonly status: JobStatus;
  /** Their end is in that status, so the finalizer can go. */
  readonly release: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly create: number;
  /** When to look again though nothing happens. */
  readonly lookAgain: Date | null;
}

const firstBackoffMs = 10_000;
const longestBackoffMs = 600_000;

/**
 * One step of the Job controller, as Kubernetes 1.31 and newer do it: an end is first noted as uncounted, then the pod's
 * finalizer goes, then it is counted; what a Job comes to (`SuccessCriteriaMet`, `FailureTarget`) is said at once, and that it
 * is over (`Complete`, `Failed`) when its last pod has ended.
 */
export function planJob(job: Job, pods: readonly Pod[], now: Date): JobPlan {
  const status = structuredClone(job.status);
  const idle = { status, release: [], remove: [], create: 0, lookAgain: null };
  if (isFinishedJob(job)) return { ...idle, release: pods.filter(isTracked) };
  const draft = { status };
  const active = pods.filter((pod) => !isFinishedPod(pod) && pod.metadata.deletionTimestamp === undefined);
  const suspends = noteSuspension(job, draft, now);
  // Pods of a suspended Job go uncounted.
  const suspended = suspends ? active : [];
  const isOver = (): boolean => isTrue(draft, 'FailureTarget') || isTrue(draft, 'SuccessCriteriaMet');
  countReleased(status, pods);
  noteEnds(
    status,
    pods.filter((pod) => !suspended.includes(pod)),
    isOver(),
  );
  noteOutcome(job, draft, now);
  const fails = isTrue(draft, 'FailureTarget');
  // The outcome makes failures of the pods that still run.
  if (fails) noteEnds(status, pods, true);
  const remove = fails || suspends ? active : [];
  const running = active.length - remove.length;
  status.active = running || undefined;
  status.ready = count(active, (pod) => !remove.includes(pod) && isTrue(pod, 'Ready'));
  status.terminating = count(pods, (pod) => !isFinishedPod(pod) && (pod.metadata.deletionTimestamp !== undefined || remove.includes(pod)));
  finish(draft, pods, now);
  const uncounted = new Set([...(status.uncountedTerminatedPods?.succeeded ?? []), ...(status.uncountedTerminatedPods?.failed ?? [])]);
  const isDeleted = job.metadata.deletionTimestamp !== undefined;
  const release = pods.filter((pod) => isTracked(pod) && (isDeleted || uncounted.has(pod.metadata.uid) || suspended.includes(pod)));
  const wanted = isDeleted || isOver() || suspends ? 0 : Math.max(0, missingPods(job, status) - running);
  const retryAt = wanted > 0 ? backoffEnd(status, pods) : null;
  const isWaiting = retryAt !== null && retryAt > now;
  const deadline = isOver() || suspends ? null : deadlineOf(job, status);
  return { status, release, remove, create: isWaiting ? 0 : wanted, lookAgain: isWaiting ? earliest(retryAt, deadline) : deadline };
}

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

type Draft = { readonly status: JobStatus };

/** Returns whether the Job is suspended. A Job that is resumed starts anew. */
function noteSuspension({ spec }: Job, draft: Draft, now: Date): boolean {
  const isOver = isTrue(draft, 'FailureTarget') || isTrue(draft, 'SuccessCriteriaMet');
  const suspends = spec.suspend === true && !isOver;
  if (suspends) {
    setCondition(draft, { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }, now);
  } else if (isTrue(draft, 'Suspended') && !isOver) {
    setCondition(draft, { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' }, now);
    draft.status.startTime = formatTime(now);
  }
  if (!suspends) draft.status.startTime ??= formatTime(now);
  return suspends;
}

/** Counts the noted ends whose pods have lost the finalizer. */
function countReleased(status: JobStatus, pods: readonly Pod[]): void {
  const tracked = new Set(pods.filter(isTracked).map((pod) => pod.metadata.uid));
  const noted = status.uncountedTerminatedPods ?? {};
  const left: typeof noted = {};
  for (const end of ['succeeded', 'failed'] as const) {
    const kept = (noted[end] ?? []).filter((uid) => tracked.has(uid));
    const released = (noted[end] ?? []).length - kept.length;
    if (released > 0) status[end] = (status[end] ?? 0) + released;
    if (kept.length > 0) left[end] = kept;
  }
  status.uncountedTerminatedPods = left;
}

/** A pod that is being deleted has failed: it may never come to say so itself. */
function noteEnds(status: JobStatus, pods: readonly Pod[], isOver: boolean): void {
  const noted = (status.uncountedTerminatedPods ??= {});
  const known = new Set([...(noted.succeeded ?? []), ...(noted.failed ?? [])]);
  for (const pod of pods.filter((candidate) => isTracked(candidate) && !known.has(candidate.metadata.uid))) {
    const { phase } = pod.status;
    if (phase === 'Succeeded') (noted.succeeded ??= []).push(pod.metadata.uid);
    else if (phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined || isOver) (noted.failed ??= []).push(pod.metadata.uid);
  }
}

function noteOutcome(job: Job, draft: Draft, now: Date): void {
  const { status } = draft;
  if (isTrue(draft, 'FailureTarget') || isTrue(draft, 'SuccessCriteriaMet')) return;
  const { backoffLimit = 6, completions, suspend } = job.spec;
  const deadline = suspend === true ? null : deadlineOf(job, status);
  if (total(status, 'failed') > backoffLimit) {
    setCondition(draft, failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit'), now);
  } else if (deadline !== null && deadline <= now) {
    setCondition(draft, failure('DeadlineExceeded', 'Job was active longer than specified deadline'), now);
  } else if (total(status, 'succeeded') >= (completions ?? 1)) {
    const message = 'Reached expected number of succeeded pods';
    setCondition(draft, { type: 'SuccessCriteriaMet', status: 'True', reason: 'CompletionsReached', message }, now);
  }
}

function failure(reason: string, message: string): Condition {
  return { type: 'FailureTarget', status: 'True', reason, message };
}

/** Says that it is over once everything is counted and no pod is left that runs. */
function finish(draft: Draft, pods: readonly Pod[], now: Date): void {
  const { status } = draft;
  const uncounted = status.uncountedTerminatedPods ?? {};
  const isCounted = (uncounted.succeeded ?? []).length + (uncounted.failed ?? []).length === 0;
  if (!isCounted || pods.some((pod) => !isFinishedPod(pod))) return;
  const target = conditionOf(draft, 'FailureTarget') ?? conditionOf(draft, 'SuccessCriteriaMet');
  if (target === undefined) return;
  const type = target.type === 'FailureTarget' ? 'Failed' : 'Complete';
  setCondition(draft, { type, status: 'True', reason: target.reason, message: target.message }, now);
  if (type === 'Complete') status.completionTime = formatTime(now);
}

function missingPods({ spec }: Job, status: JobStatus): number {
  const parallelism = spec.parallelism ?? 1;
  return spec.completions === undefined ? parallelism : Math.min(parallelism, spec.completions - total(status, 'succeeded'));
}

function total(status: JobStatus, end: 'succeeded' | 'failed'): number {
  return (status[end] ?? 0) + (status.uncountedTerminatedPods?.[end]?.length ?? 0);
}

function deadlineOf({ spec }: Job, { startTime }: JobStatus): Date | null {
  if (spec.activeDeadlineSeconds === undefined || startTime === undefined) return null;
  return new Date(Date.parse(startTime) + spec.activeDeadlineSeconds * 1000);
}

/** Until when no pod replaces the ones that failed; each failure doubles the time. */
function backoffEnd(status: JobStatus, pods: readonly Pod[]): Date | null {
  const failures = total(status, 'failed');
  const ends = pods.filter((pod) => pod.status.phase === 'Failed').map(endOf);
  if (failures === 0 || ends.length === 0) return null;
  return new Date(Math.max(...ends) + Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1)));
}

function endOf(pod: Pod): number {
  const ends = (pod.status.containerStatuses ?? []).map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''));
  const known = ends.filter((end) => !Number.isNaN(end));
  return known.length > 0 ? Math.max(...known) : Date.parse(pod.status.startTime ?? pod.metadata.creationTimestamp);
}

function earliest(first: Date, second: Date | null): Date {
  return second !== null && second < first ? second : first;
}
