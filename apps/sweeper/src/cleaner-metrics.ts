import type { CleanerStatistics } from '@cloudscan/orchestration';
import { Counter, Gauge } from '@cloudscan/telemetry';
import type { Logger, Registry } from '@cloudscan/telemetry';

export interface CleanerMetricsOptions {
  readonly read: () => Promise<CleanerStatistics>;
  /** One process tells, or each series would be there as often as there are sweepers. */
  readonly leads: () => boolean;
  readonly log: Logger;
}

/** What the cleaner would tell Prometheus, had its runs not ended before they could be asked. */
export class CleanerMetrics {
  readonly #options: CleanerMetricsOptions;
  readonly #lastRun: Gauge;
  readonly #lastSuccess: Gauge;
  readonly #lastDuration: Gauge;
  readonly #scans: Counter;
  readonly #findings: Counter;

  constructor(registry: Registry, options: CleanerMetricsOptions) {
    const registers = [registry];
    this.#options = options;
    this.#lastRun = new Gauge({
      name: 'cloudscan_cleaner_last_run_timestamp_seconds',
      help: 'End of the last run of the cleaner',
      registers,
    });
    this.#lastSuccess = new Gauge({
      name: 'cloudscan_cleaner_last_success_timestamp_seconds',
      help: 'End of the last run of the cleaner that left nothing to do',
      registers,
    });
    this.#lastDuration = new Gauge({
      name: 'cloudscan_cleaner_last_duration_seconds',
      help: 'How long the last run of the cleaner took',
      registers,
    });
    this.#scans = new Counter({ name: 'cloudscan_cleaner_scans_total', help: 'Scans that were past their time and went', registers });
    this.#findings = new Counter({ name: 'cloudscan_cleaner_findings_total', help: 'Findings that went with their scans', registers });
    this.#forget();
  }

  /** Reads what there is to tell; called when the metrics are asked for. */
  async observe(): Promise<void> {
    const { read, leads, log } = this.#options;
    if (!leads()) return this.#forget();
    try {
      this.#show(await read());
    } catch (error) {
      log.warn({ error }, 'the runs of the cleaner could not be read; their metrics are as of the last time');
    }
  }

  #show({ last, lastSuccessAt, scans, findings }: CleanerStatistics): void {
    this.#forget();
    if (last !== null) {
      this.#lastRun.set(last.endedAt.getTime() / 1000);
      this.#lastDuration.set(last.durationMs / 1000);
    }
    if (lastSuccessAt !== null) this.#lastSuccess.set(lastSuccessAt.getTime() / 1000);
    this.#scans.inc(scans);
    this.#findings.inc(findings);
  }

  /** A series that is not there is no zero: an alert on a run that is long ago would mistake it for one. */
  #forget(): void {
    for (const metric of [this.#lastRun, this.#lastSuccess, this.#lastDuration, this.#scans, this.#findings]) metric.remove();
  }
}
