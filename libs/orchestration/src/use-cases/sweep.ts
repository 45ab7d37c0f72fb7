import { jobNameOf, parseJobName } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ActiveScan } from '../ports/scan-repository.ts';
import { Mending, namesOf } from './mend-misfits.ts';
import type { Verdict } from './mend-misfits.ts';
import { hasEnded, mayRest, planSweep } from './plan-sweep.ts';
import type { Misfit, SweepPolicy } from './plan-sweep.ts';
import { Tally } from './sweep-report.ts';
import type { Looks, SweepReport } from './sweep-report.ts';
import type { SystemPorts } from './system-ports.ts';

const pageSize = 1000;
/** Jobs of one look: one live read of the platform, one of the database, and one transaction for the ends. */
const batchSize = 100;

export interface Survey {
  readonly activeScans: number;
  readonly jobs: number;
  /** Those that have not ended. */
  readonly activeJobs: number;
  readonly redispatched: number;
  /** What does not fit together; 0 where no grace is left. */
  readonly again: Looks;
}

/** What a watch has shown last of Jobs that changed; null where a Job went. */
export type Sightings = ReadonlyMap<string, JobStatus | null>;

const nothingSeen: Sightings = new Map();

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
    const report = await this.runFor(due, nothingSeen, signal);
    return {
      ...{ ...survey, ...report, redispatched: survey.redispatched + report.redispatched },
      again: new Map([...[...survey.again].filter(([, ms]) => ms > 0), ...report.again]),
    };
  }

  /**
   * Compares all active scans with all Jobs. Stops and removes nothing: what that may be needed for is to be looked at. What
   * was not dispatched is sent again right here, since a message too many makes nothing twice.
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
    const names = new Set(misfits.map(({ jobName }) => jobName));
    for (const jobName of this.#since.keys()) if (!names.has(jobName)) this.#forget(jobName);
    const again = new Map<string, number>();
    const undispatched: Misfit[] = [];
    for (const misfit of misfits) {
      const graceLeft = this.#graceLeft(misfit, now);
      if (misfit.kind !== 'undispatched') again.set(misfit.jobName, graceLeft);
      else if (graceLeft === 0) undispatched.push(misfit);
    }
    // One that is not seen may be in the making still.
    const held = await system.heldPlaces(scope, new Date(now.getTime() - this.#policy.dispatchGraceMs), pageSize);
    for (const { scanId, attempt } of held) {
      const jobName = jobNameOf(scanId, attempt);
      if (isOver(jobs.get(jobName)) && !again.has(jobName)) again.set(jobName, 0);
    }
    const redispatched = await this.#redispatch(undispatched, now);
    const activeJobs = [...jobs.values()].filter((job) => !hasEnded(job)).length;
    return { activeScans: scans.length, jobs: jobs.size, activeJobs, redispatched, again };
  }

  /**
   * Reads the Jobs and their scans live, and mends what is out of its grace. What goes wrong with one Job is told and stops no other.
   *
   * @param seen what a watch has just shown of some of them, null where it went: of those only what does not fit is read live
   * @throws unavailable when the platform or the database cannot be read; nothing is ended, stopped or deleted then
   */
  async runFor(jobNames: readonly string[], seen: Sightings, signal: AbortSignal): Promise<SweepReport> {
    const tally = new Tally();
    for (let from = 0; from < jobNames.length; from += batchSize) {
      const batch = jobNames.slice(from, from + batchSize);
      const told = batch.filter((jobName) => seen.has(jobName));
      const suspects = told.length === 0 ? [] : await this.#glance(told, seen, tally, signal);
      await this.#look([...batch.filter((jobName) => !seen.has(jobName)), ...suspects], tally, signal);
    }
    return tally;
  }

  /** Compares what was seen with the scans; answers what must be read live. A Job that has ended by itself and is not waited for needs no second look. */
  async #glance(jobNames: readonly string[], seen: Sightings, tally: Tally, signal: AbortSignal): Promise<readonly string[]> {
    const at = this.#ports.clock.now();
    const jobs = new Map(jobNames.flatMap((jobName) => (seen.get(jobName) ? [[jobName, seen.get(jobName)!] as const] : [])));
    const { due, unwanted } = await this.#compare(jobNames, jobs, at, tally, signal);
    const over = due.filter((misfit) => misfit.kind === 'stray' && mayRest(misfit.job));
    await new Mending(this.#ports, this.#stopped, tally, at).mend(over);
    await this.#freePlaces(unwanted.filter((jobName) => isOver(jobs.get(jobName))));
    return due.filter((misfit) => !over.includes(misfit)).map(({ jobName }) => jobName);
  }

  async #look(jobNames: readonly string[], tally: Tally, signal: AbortSignal): Promise<void> {
    if (jobNames.length === 0) return;
    const at = this.#ports.clock.now();
    const found = await this.#ports.jobs.find(jobNames);
    const { due, unwanted } = await this.#compare(jobNames, found, at, tally, signal);
    const undispatched = due.filter(({ kind }) => kind === 'undispatched');
    await new Mending(this.#ports, this.#stopped, tally, at).mend(due);
    await this.#freePlaces(unwanted.filter((jobName) => isOver(found.get(jobName))));
    try {
      tally.redispatched += await this.#redispatch(undispatched, at);
    } catch (error) {
      tally.failed(namesOf(undispatched), error);
    }
  }

  /**
   * The misfits whose grace is over, and the Jobs that no scan waits for. Jobs were read first, scans are second: a Job is a
   * stray only if nobody wants it after it was seen.
   */
  async #compare(
    jobNames: readonly string[],
    jobs: ReadonlyMap<string, JobStatus>,
    at: Date,
    tally: Tally,
    signal: AbortSignal,
  ): Promise<{ readonly due: readonly Misfit[]; readonly unwanted: readonly string[] }> {
    const { scope, system } = this.#ports;
    const names = new Set(jobNames);
    const scans = await system.activeAmong(scope, [...new Set(jobNames.flatMap((name) => parseJobName(name)?.scanId ?? []))]);
    signal.throwIfAborted();
    const wanted = scans.filter(({ id, attempt }) => names.has(jobNameOf(id, attempt)));
    const misfits = new Map(planSweep(wanted, jobs, at, this.#policy).map((misfit) => [misfit.jobName, misfit]));
    for (const jobName of names) if (!misfits.has(jobName)) this.#forget(jobName);
    const due = [...misfits.values()].filter((misfit) => {
      const graceLeft = this.#graceLeft(misfit, at);
      if (graceLeft > 0) tally.again.set(misfit.jobName, graceLeft);
      return graceLeft === 0;
    });
    const waitedFor = new Set(wanted.map(({ id, attempt }) => jobNameOf(id, attempt)));
    return { due, unwanted: jobNames.filter((jobName) => !waitedFor.has(jobName)) };
  }

  /** An attempt that has ended gives its place to the next one when nothing of it runs. */
  async #freePlaces(jobNames: readonly string[]): Promise<void> {
    if (jobNames.length === 0) return;
    const { scope, system, policy, clock } = this.#ports;
    const attempts = jobNames.flatMap((jobName) => parseJobName(jobName) ?? []);
    await system.freePlaces(scope, { attempts, limits: policy.limits, at: clock.now() });
  }

  /** The message that is sent has its grace too. */
  async #redispatch(misfits: readonly Misfit[], at: Date): Promise<number> {
    const { scope, system } = this.#ports;
    let sent = 0;
    for (let from = 0; from < misfits.length; from += pageSize) {
      const page = misfits.slice(from, from + pageSize);
      sent += await system.redispatch(
        scope,
        page.flatMap(({ jobName }) => parseJobName(jobName) ?? []),
      );
      for (const { kind, jobName } of page) this.#since.set(jobName, { what: kind, at: at.getTime() });
    }
    return sent;
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

/** Nothing of it runs, or will. */
function isOver(job: JobStatus | undefined): boolean {
  return job === undefined || hasEnded(job);
}
