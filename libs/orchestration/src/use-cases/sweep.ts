import { isTerminal } from '@cloudscan/domain';
import type { FailureReason, Scan } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ActiveScan } from '../ports/scan-repository.ts';
import { describeReason, endAttempt } from './end-attempt.ts';
import { hasEnded, planSweep } from './plan-sweep.ts';
import type { Misfit, SweepPolicy } from './plan-sweep.ts';
import type { SystemPorts } from './system-ports.ts';

const pageSize = 1000;
/** Jobs that are dealt with side by side. */
const concurrency = 8;

export interface SweepReport {
  readonly activeScans: number;
  readonly jobs: number;
  readonly redispatched: number;
  /** Attempts that were ended here. */
  readonly ended: number;
  /** Jobs that were removed. */
  readonly removed: number;
  /** What went wrong; the next pass tries again. */
  readonly errors: readonly { readonly jobName: string; readonly error: unknown }[];
}

interface Tally {
  redispatched: number;
  ended: number;
  removed: number;
}

/**
 * Brings scans and Jobs together: one list of each, compared, and for every pair that does not fit a live look before
 * anything is done. Keeps nothing that it needs: after a restart only the graces begin anew.
 */
export class Sweep {
  readonly #ports: SystemPorts;
  readonly #policy: SweepPolicy;
  /** When each misfit was first made, of those made in every pass since. Measured here, so no two clocks are compared. */
  #since: ReadonlyMap<string, number> = new Map();

  constructor(ports: SystemPorts, policy: SweepPolicy) {
    this.#ports = ports;
    this.#policy = policy;
  }

  async runOnce(signal: AbortSignal): Promise<SweepReport> {
    const { scope, system, jobs: dispatcher, clock } = this.#ports;
    const jobs = new Map<string, JobStatus>();
    for await (const job of dispatcher.list()) jobs.set(job.jobName, job);
    const scans: ActiveScan[] = [];
    for await (const scan of system.active(scope, pageSize)) scans.push(scan);
    signal.throwIfAborted();

    const due = this.#dueOf(planSweep(scans, jobs, clock.now(), this.#policy), clock.now().getTime());
    const tally: Tally = { redispatched: 0, ended: 0, removed: 0 };
    const errors: { jobName: string; error: unknown }[] = [];
    await sideBySide(due, async (misfit) => {
      if (signal.aborted) return;
      try {
        await this.#mend(misfit, tally);
      } catch (error) {
        errors.push({ jobName: misfit.jobName, error });
      }
    });
    return { activeScans: scans.length, jobs: jobs.size, ...tally, errors };
  }

  /** The misfits whose grace is over. Those begin anew, for the case that mending them does not help. */
  #dueOf(misfits: readonly Misfit[], now: number): readonly Misfit[] {
    const since = new Map<string, number>();
    const due = misfits.filter((misfit) => {
      const key = `${misfit.kind} ${misfit.jobName}`;
      const first = this.#since.get(key) ?? now;
      const isDue = now - first >= misfit.graceMs;
      since.set(key, isDue ? now : first);
      return isDue;
    });
    this.#since = since;
    return due;
  }

  async #mend(misfit: Misfit, tally: Tally): Promise<void> {
    const { scope, system, jobs } = this.#ports;
    const job = await jobs.get(misfit.jobName);
    switch (misfit.kind) {
      case 'undispatched':
        if (job === null && (await system.redispatch(scope, misfit.scan.id, misfit.scan.attempt))) tally.redispatched += 1;
        return;
      case 'undispatchable':
        if (job === null) await this.#end(misfit.scan, 'unschedulable', null, tally);
        return;
      case 'lost':
        if (job === null) await this.#end(misfit.scan, 'runner_lost', null, tally);
        return;
      case 'ended':
        if (job === null || !hasEnded(job)) return;
        await this.#end(misfit.scan, job.reason ?? 'internal', job, tally);
        return this.#remove(job, tally);
      case 'overdue':
        if (job === null || hasEnded(job)) return;
        await jobs.cancel(job.jobName);
        await this.#end(misfit.scan, job.phase === 'pending' ? 'unschedulable' : 'deadline_exceeded', await jobs.get(job.jobName), tally);
        return this.#remove(job, tally);
      case 'stray':
        return job === null ? undefined : this.#remove(job, tally);
    }
  }

  async #end({ id, attempt }: ActiveScan, reason: FailureReason, job: JobStatus | null, tally: Tally): Promise<void> {
    const scan = await this.#ports.scans.findById(this.#ports.scope, id);
    if (!wants(scan, attempt)) return;
    const end = { scanId: id, attempt, reason, message: describeReason(reason), evidence: job?.evidence ?? null };
    if (await endAttempt(this.#ports, end)) tally.ended += 1;
  }

  /** Unless the scan, read now, waits for this very Job. */
  async #remove(job: JobStatus, tally: Tally): Promise<void> {
    const { scope, scans, jobs } = this.#ports;
    if (wants(await scans.findById(scope, job.scanId), job.attempt)) return;
    await jobs.delete(job.jobName);
    tally.removed += 1;
  }
}

function wants(scan: Scan | null, attempt: number): boolean {
  return scan !== null && !isTerminal(scan.status) && scan.attempt === attempt;
}

async function sideBySide<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: Math.min(concurrency, items.length) }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
