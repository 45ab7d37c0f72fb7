import type { Lease } from '@cloudscan/database';
import { unavailable } from '@cloudscan/domain';
import { collectDiscardedRuns, ensurePartitions, expirePendingScans, Sweep } from '@cloudscan/orchestration';
import type { Survey, SweepPolicy, SweepReport, SystemPorts } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { JobFollower } from './job-follower.ts';
import type { SweeperMetrics } from './metrics.ts';

export interface SweeperOptions {
  readonly policy: SweepPolicy;
  readonly pendingTtlMs: number;
  readonly log: Logger;
  readonly metrics: SweeperMetrics;
  /** Called when this process leads and has the picture of all Jobs: what only the leader does can begin. */
  readonly onLead: () => void;
}

export interface CollectReport {
  readonly expired: number;
  readonly discardedRows: number;
  readonly orphans: number;
}

/** Milliseconds without a sign of the platform after which `checkWatch` complains. */
const silenceLimitMs = 60_000;
/** Names of Jobs in one line of the log. */
const namedJobs = 5;

/** Of several sweepers the one that holds the lease follows the Jobs and does the passes; the others stand by. */
export class Sweeper {
  readonly #ports: SystemPorts;
  readonly #lease: Lease;
  readonly #options: SweeperOptions;
  readonly #sweep: Sweep;
  #follower: JobFollower | null = null;
  #lastWatch: Promise<void> = Promise.resolve();

  constructor(ports: SystemPorts, lease: Lease, options: SweeperOptions) {
    this.#ports = ports;
    this.#lease = lease;
    this.#options = options;
    this.#sweep = new Sweep(ports, options.policy);
    options.metrics.observeSilence(() => this.#follower?.silentMs ?? 0);
  }

  /** Takes the lease or keeps it; begins to follow the Jobs with it and stops without it. */
  async lead(): Promise<boolean> {
    try {
      return await this.#lease.hold();
    } finally {
      const leads = this.#lease.isHeld;
      this.#options.metrics.leads(leads);
      if (leads && this.#follower === null) this.#follow();
      if (!leads && this.#follower !== null) this.#standBy();
    }
  }

  /** Compares all scans with all Jobs and has the follower look at what does not fit. Null where this process does not lead, or not yet. */
  async sweepOnce(signal: AbortSignal): Promise<Survey | null> {
    const follower = this.#follower;
    if (!this.#lease.isHeld || follower?.isWatching !== true) return null;
    const startedAt = performance.now();
    const survey = await this.#sweep.survey(signal);
    this.#options.metrics.surveyed(survey, performance.now() - startedAt);
    if (survey.redispatched > 0) this.#options.log.info({ redispatched: survey.redispatched }, 'dispatched again');
    follower.schedule(survey.again);
    return survey;
  }

  /** Ends what was never started and removes what nothing refers to. Null when another process does. */
  async collectOnce(signal: AbortSignal): Promise<CollectReport | null> {
    if (!this.#lease.isHeld) return null;
    const report = {
      expired: await expirePendingScans(this.#ports, this.#options.pendingTtlMs, signal),
      discardedRows: await collectDiscardedRuns(this.#ports, signal),
      orphans: await this.#ports.jobs.removeOrphans(),
    };
    this.#options.metrics.count(report);
    if (Object.values(report).some((count) => count > 0)) this.#options.log.info(report, 'collected');
    return report;
  }

  /** Makes partitions ahead of time. Answers the new ones; null when another process does. */
  async partitionOnce(): Promise<readonly string[] | null> {
    if (!this.#lease.isHeld) return null;
    const partitions = await ensurePartitions(this.#ports);
    if (partitions.length > 0) this.#options.log.info({ partitions }, 'partitions made');
    return partitions;
  }

  /** Throws `unavailable` where this process leads and has heard nothing of the platform for a minute. */
  checkWatch(): void {
    if ((this.#follower?.silentMs ?? 0) > silenceLimitMs) throw unavailable('the platform of the Jobs');
  }

  /** Stops following and waits for the looks at work; `lead` may begin it again. Idempotent. */
  async stop(): Promise<void> {
    const follower = this.#follower;
    this.#follower = null;
    if (follower === null) return;
    this.#options.metrics.forget();
    const stopped = follower.stop();
    this.#lastWatch = stopped.then(({ watchEnded }) => watchEnded);
    await stopped;
  }

  #follow(): void {
    const { log, onLead } = this.#options;
    log.info({}, 'sweeping from now on');
    this.#follower = new JobFollower({
      jobs: this.#ports.jobs,
      runFor: (jobNames, seen, signal) => this.#sweep.runFor(jobNames, seen, signal),
      mayAct: () => this.#lease.isHeld,
      onWatching: onLead,
      onReport: (report, lagsMs) => this.#report(report, lagsMs),
      onError: (error) => log.warn({ error }, 'scans and Jobs could not be read; it is tried again'),
    });
    this.#follower.start(this.#lastWatch);
  }

  #standBy(): void {
    this.#options.log.warn({}, 'the lease is lost: standing by');
    void this.stop();
  }

  #report(report: SweepReport, lagsMs: readonly number[]): void {
    const { log, metrics } = this.#options;
    metrics.looked(report, lagsMs);
    for (const { jobNames, error } of report.errors)
      log.warn({ jobs: jobNames.length, jobNames: jobNames.slice(0, namedJobs), error }, 'Jobs could not be dealt with; it is tried again');
    const { redispatched, ended, removed } = report;
    if (redispatched + ended + removed > 0) log.info({ redispatched, ended, removed }, 'swept');
  }
}
