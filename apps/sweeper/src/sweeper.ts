import type { Lease } from '@cloudscan/database';
import { collectDiscardedRuns, ensurePartitions, expirePendingScans, Sweep } from '@cloudscan/orchestration';
import type { SweepPolicy, SweepReport, SystemPorts } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import type { SweeperMetrics } from './metrics.ts';

export interface SweeperOptions {
  readonly policy: SweepPolicy;
  readonly pendingTtlMs: number;
  readonly log: Logger;
  readonly metrics: SweeperMetrics;
  /** Called when this process has become the one that sweeps. */
  readonly onLead: () => void;
}

export interface CollectReport {
  readonly expired: number;
  readonly discardedRows: number;
  readonly orphans: number;
}

/** The passes of a sweeper. Of several sweepers the one that holds the lease does them; the others stand by. */
export class Sweeper {
  readonly #ports: SystemPorts;
  readonly #lease: Lease;
  readonly #options: SweeperOptions;
  readonly #sweep: Sweep;

  constructor(ports: SystemPorts, lease: Lease, options: SweeperOptions) {
    this.#ports = ports;
    this.#lease = lease;
    this.#options = options;
    this.#sweep = new Sweep(ports, options.policy);
  }

  /** Brings scans and Jobs together. Null when another process does. The only pass that takes the lease. */
  async sweepOnce(signal: AbortSignal): Promise<SweepReport | null> {
    const { log, metrics, onLead } = this.#options;
    const led = this.#lease.isHeld;
    const leads = await this.#lease.hold().finally(() => metrics.leads(this.#lease.isHeld));
    if (!leads) return null;
    if (!led) {
      log.info({}, 'sweeping from now on');
      onLead();
    }
    const startedAt = performance.now();
    const report = await this.#sweep.runOnce(signal);
    metrics.swept(report, performance.now() - startedAt);
    for (const { jobName, error } of report.errors) log.warn({ jobName, error }, 'a Job could not be dealt with; it is tried again');
    const { errors, ...counts } = report;
    if (report.redispatched + report.ended + report.removed > 0) log.info({ ...counts, errors: errors.length }, 'swept');
    return report;
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
}
