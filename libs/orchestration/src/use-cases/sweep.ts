import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, jobNameOf, parseJobName } from '@cloudscan/domain';
import type { FailureEvidence } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ActiveScan, AttemptEnd } from '../ports/scan-repository.ts';
import { describeBlockage, describeEnd, endAttempts } from './end-attempt.ts';
import { hasEnded, planSweep } from './plan-sweep.ts';
import type { Misfit, SweepPolicy } from './plan-sweep.ts';
import { sideBySide } from './side-by-side.ts';
import type { SystemPorts } from './system-ports.ts';

const pageSize = 1000;
/** Jobs of one look: one live read of the platform, one of the database, and one transaction for the ends. */
const batchSize = 100;
/** Calls to the platform at a time, of one look. */
const concurrency = 8;
/** Milliseconds after which what was seen is looked at again before anything is stopped, removed or given up for it. */
const freshMs = 10_000;
/** Milliseconds after which what went wrong is tried again. */
const retryMs = 5000;
const logBytes = 4096;
/** Milliseconds that one log, and all logs of one look, are waited for. */
const logLimitMs = 2000;
const logsLimitMs = 5000;

/** When Jobs are to be looked at, by {@link Sweep.runFor}: milliseconds from now by name. */
export type Looks = ReadonlyMap<string, number>;

export interface Survey {
  readonly activeScans: number;
  readonly jobs: number;
  /** Those that have not ended. */
  readonly activeJobs: number;
  /** What does not fit together; 0 where no grace is left. */
  readonly again: Looks;
}

export interface SweepReport {
  readonly redispatched: number;
  /** Attempts that were ended here. */
  readonly ended: number;
  /** Jobs that were removed, or handed to the platform for removal. */
  readonly removed: number;
  /** What is in its grace, or went wrong. */
  readonly again: Looks;
  readonly errors: readonly { readonly jobNames: readonly string[]; readonly error: unknown }[];
}

/**
 * Brings scans and Jobs together. A survey compares two pictures and names what does not fit; a look reads that live, both
 * sides, and mends it. Keeps nothing that it needs: after a restart only the graces begin anew.
 */
export class Sweep {
  readonly #ports: SystemPorts;
  readonly #policy: SweepPolicy;
  /** Since when each misfit was found at every look. Measured here, so no two clocks are compared. */
  readonly #since = new Map<string, { readonly what: string; readonly at: number }>();
  /** Why Jobs were stopped whose ends are not recorded yet. */
  readonly #stopped = new Map<string, Verdict>();

  constructor(ports: SystemPorts, policy: SweepPolicy) {
    this.#ports = ports;
    this.#policy = policy;
  }

  /** Surveys everything and looks at what is due. */
  async runOnce(signal: AbortSignal): Promise<Survey & SweepReport> {
    const survey = await this.survey(signal);
    const due = [...survey.again].filter(([, ms]) => ms <= 0).map(([jobName]) => jobName);
    const report = await this.runFor(due, signal);
    return { ...survey, ...report, again: new Map([...[...survey.again].filter(([, ms]) => ms > 0), ...report.again]) };
  }

  /**
   * Compares all active scans with all Jobs and touches nothing.
   *
   * @throws unavailable when the platform or the database cannot be read
   */
  async survey(signal: AbortSignal): Promise<Survey> {
    const { scope, system, jobs: dispatcher, clock } = this.#ports;
    const jobs = new Map<string, JobStatus>();
    for await (const job of dispatcher.list()) jobs.set(job.jobName, job);
    const scans: ActiveScan[] = [];
    for await (const scan of system.active(scope, pageSize)) scans.push(scan);
    signal.throwIfAborted();
    const now = clock.now();
    const misfits = planSweep(scans, jobs, now, this.#policy);
    const again = new Map(misfits.map((misfit) => [misfit.jobName, this.#graceLeft(misfit, now)]));
    for (const jobName of this.#since.keys()) if (!again.has(jobName)) this.#forget(jobName);
    return { activeScans: scans.length, jobs: jobs.size, activeJobs: [...jobs.values()].filter((job) => !hasEnded(job)).length, again };
  }

  /**
   * Reads the Jobs and their scans live, and mends what is out of its grace. What goes wrong with one Job is told and stops no other.
   *
   * @throws unavailable when the platform or the database cannot be read; nothing was done then
   */
  async runFor(jobNames: readonly string[], signal: AbortSignal): Promise<SweepReport> {
    const tally = new Tally();
    for (let from = 0; from < jobNames.length; from += batchSize) await this.#look(jobNames.slice(from, from + batchSize), tally, signal);
    return tally;
  }

  async #look(jobNames: readonly string[], tally: Tally, signal: AbortSignal): Promise<void> {
    const { scope, system, jobs, clock } = this.#ports;
    const at = clock.now();
    // Jobs first, scans second: a Job is a stray only if nobody wants it after it was seen.
    const found = await jobs.find(jobNames);
    const names = new Set(jobNames);
    const scans = await system.activeAmong(scope, [...new Set(jobNames.flatMap((name) => parseJobName(name)?.scanId ?? []))]);
    signal.throwIfAborted();
    const wanted = scans.filter(({ id, attempt }) => names.has(jobNameOf(id, attempt)));
    const misfits = new Map(planSweep(wanted, found, at, this.#policy).map((misfit) => [misfit.jobName, misfit]));
    for (const jobName of names) if (!misfits.has(jobName)) this.#forget(jobName);
    const due: Misfit[] = [];
    for (const misfit of misfits.values()) {
      const graceLeft = this.#graceLeft(misfit, at);
      if (graceLeft > 0) tally.again.set(misfit.jobName, graceLeft);
      else due.push(misfit);
    }
    await new Look(this.#ports, this.#stopped, tally, at).mend(due);
    // The message that was sent has its time too.
    for (const { kind, jobName } of due) if (kind === 'undispatched') this.#since.set(jobName, { what: kind, at: at.getTime() });
  }

  #forget(jobName: string): void {
    this.#since.delete(jobName);
    this.#stopped.delete(jobName);
  }

  /** Milliseconds for which the misfit may stay so. */
  #graceLeft(misfit: Misfit, now: Date): number {
    const what = misfit.kind === 'blocked' ? `blocked ${misfit.blockage.reason}` : misfit.kind;
    const known = this.#since.get(misfit.jobName);
    const since = known?.what === what ? known.at : now.getTime();
    this.#since.set(misfit.jobName, { what, at: since });
    return Math.max(0, since + misfit.graceMs - now.getTime());
  }
}

class Tally implements SweepReport {
  redispatched = 0;
  ended = 0;
  removed = 0;
  readonly again = new Map<string, number>();
  readonly errors: { readonly jobNames: readonly string[]; readonly error: unknown }[] = [];

  failed(jobNames: readonly string[], error: unknown): void {
    this.errors.push({ jobNames, error });
    for (const jobName of jobNames) this.again.set(jobName, retryMs);
  }
}

type OfKind<K extends Misfit['kind']> = Extract<Misfit, { readonly kind: K }>;

type Verdict = Pick<AttemptEnd, 'reason' | 'message' | 'evidence'>;

interface Ending extends AttemptEnd {
  readonly jobName: string;
  /** What is left to remove afterwards. */
  readonly job: JobStatus | null;
}

/** What follows from one live look at some Jobs and their scans. */
class Look {
  readonly #ports: SystemPorts;
  readonly #stopped: Map<string, Verdict>;
  readonly #tally: Tally;
  readonly #at: Date;

  constructor(ports: SystemPorts, stopped: Map<string, Verdict>, tally: Tally, at: Date) {
    this.#ports = ports;
    this.#stopped = stopped;
    this.#tally = tally;
    this.#at = at;
  }

  async mend(misfits: readonly Misfit[]): Promise<void> {
    const of = <K extends Misfit['kind']>(...kinds: readonly K[]): readonly OfKind<K>[] =>
      misfits.filter((misfit): misfit is OfKind<K> => (kinds as readonly string[]).includes(misfit.kind));
    await Promise.all([
      this.#redispatch(of('undispatched')),
      this.#recordEnds(of('ended')),
      this.#giveUp(of('lost', 'undispatchable')),
      this.#stop(of('blocked', 'overdue')),
      this.#remove(of('stray').map(({ job }) => job)),
    ]);
  }

  async #redispatch(misfits: readonly OfKind<'undispatched'>[]): Promise<void> {
    if (misfits.length === 0) return;
    try {
      const attempts = misfits.map(({ scan: { id: scanId, attempt } }) => ({ scanId, attempt }));
      this.#tally.redispatched += await this.#ports.system.redispatch(this.#ports.scope, attempts);
      for (const { jobName, graceMs } of misfits) this.#tally.again.set(jobName, graceMs);
    } catch (error) {
      this.#tally.failed(namesOf(misfits), error);
    }
  }

  /** A Job's end stays what it was seen to be, so it may be recorded whenever. */
  async #recordEnds(misfits: readonly OfKind<'ended'>[]): Promise<void> {
    const logs = await this.#logsOf(misfits.map(({ job }) => job));
    const endings = misfits.map(({ scan, job }): Ending => ({
      ...endingOf(scan, job),
      ...((job.reason === 'cancelled' ? this.#stopped.get(job.jobName) : undefined) ?? verdictOnEnd(job, logs.get(job.jobName))),
    }));
    await this.#end(endings);
  }

  async #giveUp(misfits: readonly OfKind<'lost' | 'undispatchable'>[]): Promise<void> {
    const endings = misfits.map(({ kind, scan }): Ending => {
      const reason = kind === 'lost' ? 'runner_lost' : 'unschedulable';
      return { ...endingOf(scan, null), reason, message: describeEnd(reason, null), evidence: null };
    });
    if (this.#isFresh(misfits)) await this.#end(endings);
  }

  /** What runs is stopped before its end is recorded, so that two attempts never run at once. */
  async #stop(misfits: readonly OfKind<'blocked' | 'overdue'>[]): Promise<void> {
    const endings: Ending[] = [];
    await this.#each(misfits, async (misfit) => {
      if (!this.#isFresh([misfit])) return;
      const logs = misfit.kind === 'overdue' ? await this.#logsOf([misfit.job]) : new Map<string, string>();
      const verdict = verdictOn(misfit, logs.get(misfit.jobName), this.#at);
      // Should stopping it take longer than this look, the next one finds a Job that was cancelled.
      this.#stopped.set(misfit.jobName, verdict);
      await this.#ports.jobs.cancel(misfit.jobName);
      endings.push({ ...endingOf(misfit.scan, misfit.job), ...verdict });
    });
    await this.#end(endings);
  }

  async #end(endings: readonly Ending[]): Promise<void> {
    if (endings.length === 0) return;
    try {
      this.#tally.ended += await endAttempts(this.#ports, endings);
    } catch (error) {
      const isOneBad = endings.length > 1 && !(error instanceof DomainError && error.retry === 'safe');
      if (!isOneBad) return this.#tally.failed(namesOf(endings), error);
      for (const ending of endings) await this.#end([ending]);
      return;
    }
    await this.#remove(endings.flatMap(({ job }) => job ?? []));
  }

  /** What has ended is left for people to look at, for as long as the platform keeps it; what has not goes at once. */
  async #remove(jobs: readonly JobStatus[]): Promise<void> {
    await this.#each(jobs, async (job) => {
      if (hasEnded(job)) await this.#ports.jobs.retire(job.jobName);
      else if (this.#isFresh([job])) await this.#ports.jobs.delete(job.jobName);
      else return;
      this.#tally.removed += 1;
    });
  }

  /** The ends of the logs that are not in the evidence, as far as they can be had in time: no end waits for its log. */
  async #logsOf(jobs: readonly JobStatus[]): Promise<ReadonlyMap<string, string>> {
    const logs = new Map<string, string>();
    const deadline = performance.now() + logsLimitMs;
    const missing = jobs.filter(({ evidence }) => evidence?.logTail === undefined);
    const unreadable: { readonly jobName: string; readonly error: unknown }[] = [];
    await sideBySide(missing, concurrency, async ({ jobName }) => {
      const limitMs = Math.min(logLimitMs, deadline - performance.now());
      if (limitMs <= 0) return;
      const done = new AbortController();
      const log = this.#ports.jobs.logs(jobName, logBytes).catch((error: unknown) => {
        unreadable.push({ jobName, error });
        return '';
      });
      const tail = await Promise.race([log, delay(limitMs, '', { signal: done.signal })]);
      done.abort();
      if (tail !== '') logs.set(jobName, tail);
    });
    if (unreadable.length > 0) this.#tally.errors.push({ jobNames: namesOf(unreadable), error: unreadable[0]!.error });
    return logs;
  }

  /**
   * False where so much time has passed since the look that another sweeper may have acted on it, for example because this
   * process was frozen; the Jobs are looked at again then.
   */
  #isFresh(jobs: readonly { readonly jobName: string }[]): boolean {
    if (this.#ports.clock.now().getTime() - this.#at.getTime() <= freshMs) return true;
    for (const { jobName } of jobs) this.#tally.again.set(jobName, 0);
    return false;
  }

  async #each<T extends { readonly jobName: string }>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    await sideBySide(items, concurrency, async (item) => {
      try {
        await work(item);
      } catch (error) {
        this.#tally.failed([item.jobName], error);
      }
    });
  }
}

function namesOf(items: readonly { readonly jobName: string }[]): readonly string[] {
  return items.map(({ jobName }) => jobName);
}

function endingOf({ id, attempt }: ActiveScan, job: JobStatus | null) {
  return { scanId: id, attempt, jobName: jobNameOf(id, attempt), job };
}

/** Nobody cancelled the scan, or it would not wait: what stopped the Job is unknown, a person or a sweeper that died after it. */
function verdictOnEnd(job: JobStatus, log: string | undefined): Verdict {
  const reason = job.reason === 'cancelled' ? 'runner_lost' : (job.reason ?? 'internal');
  const evidence = log === undefined ? job.evidence : { ...job.evidence, logTail: log };
  return { reason, message: describeEnd(reason, job.evidence), evidence };
}

function verdictOn(misfit: OfKind<'blocked' | 'overdue'>, log: string | undefined, at: Date): Verdict {
  const { job } = misfit;
  const blockage = misfit.kind === 'blocked' ? misfit.blockage : job.blockage;
  if (blockage !== null) {
    const { reason, condition, message } = blockage;
    return { reason, message: describeBlockage(blockage), evidence: { condition, message } };
  }
  const seconds = Math.round((at.getTime() - (job.startedAt ?? job.createdAt).getTime()) / 1000);
  const [reason, condition, what] =
    job.phase === 'pending'
      ? (['unschedulable', 'Pending', 'not started'] as const)
      : (['deadline_exceeded', 'DeadlineExceeded', 'still running'] as const);
  const evidence: FailureEvidence = { condition, message: `${what} after ${seconds} s` };
  return { reason, message: describeEnd(reason, evidence), evidence: log === undefined ? evidence : { ...evidence, logTail: log } };
}
