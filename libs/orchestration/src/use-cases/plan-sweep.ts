import { jobNameOf } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ActiveScan } from '../ports/scan-repository.ts';

export interface SweepPolicy {
  /** Milliseconds for which an admitted scan may be without its Job. */
  readonly dispatchGraceMs: number;
  /** Milliseconds that a report on its way has: a Job may end a moment before its CompleteScan arrives, and the other way round. */
  readonly endGraceMs: number;
  /** Milliseconds that a Job may wait, and then run, with the time that the platform needs to end it itself. */
  readonly deadlineMs: number;
}

/** What does not fit together, and for how long it may stay so before something is done. */
export type Misfit =
  /** Queued and admitted, but nothing runs: its dispatch was lost. */
  | { readonly kind: 'undispatched'; readonly jobName: string; readonly graceMs: number; readonly scan: ActiveScan }
  /** Queued and admitted for so long without a Job that dispatching it again does not help. */
  | { readonly kind: 'undispatchable'; readonly jobName: string; readonly graceMs: number; readonly scan: ActiveScan }
  /** Running, but its Job has vanished. */
  | { readonly kind: 'lost'; readonly jobName: string; readonly graceMs: number; readonly scan: ActiveScan }
  /** Its Job has ended, and nobody said so. */
  | { readonly kind: 'ended'; readonly jobName: string; readonly graceMs: number; readonly scan: ActiveScan }
  /** Its Job runs longer than it may. */
  | { readonly kind: 'overdue'; readonly jobName: string; readonly graceMs: number; readonly scan: ActiveScan }
  /** A Job that no scan waits for. */
  | { readonly kind: 'stray'; readonly jobName: string; readonly graceMs: number; readonly job: JobStatus };

/** Compares what should run with what does. */
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
  const isLate = (since: Date): boolean => now.getTime() - since.getTime() > policy.deadlineMs;
  if (job === undefined) {
    const graceMs = policy.dispatchGraceMs;
    if (scan.status === 'running') return { kind: 'lost', jobName, graceMs, scan };
    return { kind: isLate(scan.admittedAt) ? 'undispatchable' : 'undispatched', jobName, graceMs, scan };
  }
  if (hasEnded(job)) return { kind: 'ended', jobName, graceMs: policy.endGraceMs, scan };
  return isLate(job.startedAt ?? job.createdAt) ? { kind: 'overdue', jobName, graceMs: 0, scan } : null;
}

export function hasEnded({ phase }: JobStatus): boolean {
  return phase === 'succeeded' || phase === 'failed';
}
