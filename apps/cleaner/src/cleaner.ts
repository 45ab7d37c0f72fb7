import { enforceRetention, ensurePartitions, missingPartitions, previewRetention, RetentionTally } from '@cloudscan/orchestration';
import type { CleanerRun, CleanerRunRepository, NewId, RetentionPolicy, SystemPorts } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';

export interface CleanerPorts extends Pick<SystemPorts, 'scope' | 'system' | 'clock'> {
  readonly runs: CleanerRunRepository;
  readonly newId: NewId;
}

export interface CleanerOptions {
  readonly policy: RetentionPolicy;
  readonly log: Logger;
}

/** What a run would do now. */
export interface CleanerPreview {
  readonly scans: number;
  readonly findings: number;
  readonly partitions: readonly string[];
}

/** Makes room for what comes and removes what is past its time. Any number may run at once. */
export class Cleaner {
  readonly #ports: CleanerPorts;
  readonly #options: CleanerOptions;

  constructor(ports: CleanerPorts, options: CleanerOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Does all there is to do and records how it went; what is left after a failure or the signal is the next run's. */
  async runOnce(signal: AbortSignal): Promise<CleanerRun> {
    const { scope, clock, runs, newId } = this.#ports;
    const startedAt = clock.now();
    const tally = new RetentionTally();
    const outcome = await this.#clean(tally, signal);
    const { scans, findings, batches, longestBatchMs } = tally;
    const run = { id: newId(startedAt), startedAt, endedAt: clock.now(), outcome, scans, findings, batches, longestBatchMs };
    this.#options.log.info(run, 'cleaned');
    await runs.record(scope, run);
    return run;
  }

  async preview(signal: AbortSignal): Promise<CleanerPreview> {
    const { scans, findings } = await previewRetention(this.#ports, this.#options.policy, signal);
    return { scans, findings, partitions: await missingPartitions(this.#ports) };
  }

  async #clean(tally: RetentionTally, signal: AbortSignal): Promise<CleanerRun['outcome']> {
    const { policy, log } = this.#options;
    try {
      // First, since without them nothing could be created any more.
      const partitions = await ensurePartitions(this.#ports);
      if (partitions.length > 0) log.info({ partitions }, 'partitions made');
      await enforceRetention(this.#ports, policy, tally, signal);
      return 'succeeded';
    } catch (error) {
      if (signal.aborted) return 'interrupted';
      log.error({ error }, 'cleaning failed; the next run goes on');
      return 'failed';
    }
  }
}
