import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, jobNameOf } from '@cloudscan/domain';
import type { FailureEvidence } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ActiveScan, AttemptEnd } from '../ports/scan-repository.ts';
import { describeBlockage, describeEnd, endAttempts } from './end-attempt.ts';
import { mayRest } from './plan-sweep.ts';
import type { Misfit } from './plan-sweep.ts';
import { sideBySide } from './side-by-side.ts';
import type { Tally } from './sweep-report.ts';
import type { SystemPorts } from './system-ports.ts';

/** Calls to the platform at a time, of one look. */
const concurrency = 8;
/** Milliseconds after which what was seen is looked at again before anything is stopped, removed or given up for it. */
const freshMs = 10_000;
const logBytes = 4096;
/** Milliseconds that one log, and all logs of one look, are waited for. */
const logLimitMs = 4000;
const logsLimitMs = 8000;

type OfKind<K extends Misfit['kind']> = Extract<Misfit, { readonly kind: K }>;

export type Verdict = Pick<AttemptEnd, 'reason' | 'message' | 'evidence'>;

interface Ending extends AttemptEnd {
  readonly jobName: string;
  /** What is left to remove afterwards. */
  readonly job: JobStatus | null;
}

/** What is done about misfits after one look at some Jobs and their scans. */
export class Mending {
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
      this.#recordEnds(of('ended')),
      this.#giveUp(of('lost', 'undispatchable')),
      this.#stop(of('blocked', 'overdue')),
      this.#remove(of('stray').map(({ job }) => job)),
    ]);
  }

  /** A Job's end stays what it was seen to be, so it may be recorded whenever. */
  async #recordEnds(misfits: readonly OfKind<'ended'>[]): Promise<void> {
    const logs = await this.#logsOf(misfits.map(({ job }) => job));
    const endings = misfits.map(({ scan, job }): Ending => ({
      ...endingOf(scan, job),
      ...(this.#stopped.get(job.jobName) ?? verdictOnEnd(job, logs.get(job.jobName))),
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
      // Should stopping it take longer than this look, the next one finds a Job that ended because of it.
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

  /** What has ended by itself is left for people to look at, for as long as the platform keeps it; all else goes at once. */
  async #remove(jobs: readonly JobStatus[]): Promise<void> {
    await this.#each(jobs, async (job) => {
      if (mayRest(job)) await this.#ports.jobs.retire(job.jobName);
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

export function namesOf(items: readonly { readonly jobName: string }[]): readonly string[] {
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
