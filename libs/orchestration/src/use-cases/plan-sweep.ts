import { jobNameOf } from '@cloudscan/domain';
import type { FailureReason } from '@cloudscan/domain';
import type { JobBlockage, JobStatus } from '../ports/job-dispatcher.ts';
import type { ActiveScan } from '../ports/scan-repository.ts';
import { dispatchPatienceMs } from './dispatch-scan.ts';

/** Later than a dispatcher gives up, since that can say why; what no dispatcher looks at either is given up here. */
const undispatchableMs = dispatchPatienceMs + 3_600_000;

export interface SweepPolicy {
  /** Milliseconds for which an admitted scan may be without its Job. */
  readonly dispatchGraceMs: number;
  /** Milliseconds that a report on its way has: a runner may end well a moment before its CompleteScan is done. */
  readonly endGraceMs: number;
  /** Milliseconds that a Job may run, with the time that the platform needs to end it itself. */
  readonly deadlineMs: number;
  /** Milliseconds that a Job may wait for its start although nothing is wrong with it, for example in a queue of the platform. */
  readonly waitLimitMs: number;
  /** Milliseconds for which a Job may be unable to start, by what it would fail with. */
  readonly blockageGraceMs: (reason: FailureReason) => number;
}

interface OfJob {
  readonly jobName: string;
  /** Milliseconds for which it may stay so before something is done. */
  readonly graceMs: number;
}
interface WithoutJob extends OfJob {
  readonly scan: ActiveScan;
}
interface WithJob extends WithoutJob {
  readonly job: JobStatus;
}

/** What does not fit together. */
export type Misfit =
  /** Queued and admitted, but nothing runs: its dispatch was lost. */
  | ({ readonly kind: 'undispatched' } & WithoutJob)
  /** Queued and admitted for so long without a Job that dispatching it again does not help. */
  | ({ readonly kind: 'undispatchable' } & WithoutJob)
  /** Running, but its Job has vanished. */
  | ({ readonly kind: 'lost' } & WithoutJob)
  /** Its Job has ended, and nobody said so. */
  | ({ readonly kind: 'ended' } & WithJob)
  /** Its Job runs, or waits, longer than it may. */
  | ({ readonly kind: 'overdue' } & WithJob)
  /** Its Job cannot start. */
  | ({ readonly kind: 'blocked'; readonly blockage: JobBlockage } & WithJob)
  /** A Job that no scan waits for. */
  | ({ readonly kind: 'stray'; readonly job: JobStatus } & OfJob);

/**
 * Compares what should run with what does. The graces:
 * - A Job that failed needs none. Whatever its runner told the API was answered before its process ended, or never will be;
 *   where the two cross, the lock on the scan's row decides.
 * - A Job that succeeded says that its runner took its work for done: its report may be on its way, as an older runner sends it.
 * - A missing Job may be in the making, or its disappearance not yet be followed by the report that its runner made before.
 * - A Job that cannot start may yet: an image registry comes back, a node is added.
 * - A Job that nobody waits for and that runs may be about to end by itself, its scan being completed.
 */
export function planSweep(
  scans: readonly ActiveScan[],
  jobs: ReadonlyMap<string, JobStatus>,
  now: Date,
  policy: SweepPolicy,
): readonly Misfit[] {
  const wanted = new Map(scans.map((scan) => [jobNameOf(scan.id, scan.attempt), scan]));
  const ofScans = [...wanted].flatMap(([jobName, scan]) => misfitOf(scan, jobName, jobs.get(jobName), now, policy) ?? []);
  const strays = [...jobs.values()]
    .filter(({ jobName }) => !wanted.has(jobName))
    .map((job): Misfit => ({ kind: 'stray', jobName: job.jobName, graceMs: hasEnded(job) ? 0 : policy.endGraceMs, job }));
  return [...ofScans, ...strays];
}

function misfitOf(scan: ActiveScan, jobName: string, job: JobStatus | undefined, now: Date, policy: SweepPolicy): Misfit | null {
  const isLate = (since: Date, limitMs: number): boolean => now.getTime() - since.getTime() > limitMs;
  if (job === undefined) {
    if (scan.admittedAt === null) return null;
    const graceMs = policy.dispatchGraceMs;
    if (scan.status === 'running') return { kind: 'lost', jobName, graceMs, scan };
    return { kind: isLate(scan.admittedAt, undispatchableMs) ? 'undispatchable' : 'undispatched', jobName, graceMs, scan };
  }
  if (hasEnded(job)) return { kind: 'ended', jobName, graceMs: job.phase === 'succeeded' ? policy.endGraceMs : 0, scan, job };
  const isOverdue = job.startedAt === null ? isLate(job.createdAt, policy.waitLimitMs) : isLate(job.startedAt, policy.deadlineMs);
  if (isOverdue) return { kind: 'overdue', jobName, graceMs: 0, scan, job };
  const { blockage } = job;
  return blockage && { kind: 'blocked', jobName, graceMs: policy.blockageGraceMs(blockage.reason), scan, job, blockage };
}

export function hasEnded({ phase }: JobStatus): boolean {
  return phase === 'succeeded' || phase === 'failed';
}

/** Whether it ended by itself, so that its platform removes it in time once it is retired. One that was cancelled is only held. */
export function mayRest(job: JobStatus): boolean {
  return hasEnded(job) && job.reason !== 'cancelled';
}
