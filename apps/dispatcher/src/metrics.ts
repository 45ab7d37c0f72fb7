import type { DispatchOutcome, QueueStatistics } from '@cloudscan/orchestration';
import { Counter, Gauge, Histogram } from '@cloudscan/telemetry';
import type { Registry } from '@cloudscan/telemetry';

/** What a dispatcher tells Prometheus. */
export class DispatcherMetrics {
  readonly #queueDepth: Gauge;
  readonly #queued: Gauge;
  readonly #running: Gauge;
  readonly #oldest: Gauge;
  readonly #latency: Histogram;
  readonly #dispatches: Counter<'outcome'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#queueDepth = new Gauge({
      name: 'cloudscan_queue_depth',
      help: 'Admitted attempts that wait for a dispatcher: what more dispatchers can help',
      registers,
    });
    this.#queued = new Gauge({ name: 'cloudscan_scans_queued', help: 'All queued scans, admitted or not', registers });
    this.#running = new Gauge({ name: 'cloudscan_scans_running', help: 'Running scans', registers });
    this.#oldest = new Gauge({
      name: 'cloudscan_oldest_queued_scan_seconds',
      help: 'Age of the scan that is queued the longest',
      registers,
    });
    this.#latency = new Histogram({
      name: 'cloudscan_dispatch_latency_seconds',
      help: 'From the admission of an attempt to its Job',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    });
    this.#dispatches = new Counter({
      name: 'cloudscan_dispatches_total',
      help: 'Dispatch messages that were handled',
      labelNames: ['outcome'],
      registers,
    });
  }

  observe(outcome: DispatchOutcome): void {
    this.#dispatches.inc({ outcome: outcome.kind });
    if (outcome.kind === 'dispatched') this.#latency.observe(outcome.waitedMs / 1000);
  }

  failed(): void {
    this.#dispatches.inc({ outcome: 'error' });
  }

  show(statistics: QueueStatistics): void {
    this.#queueDepth.set(statistics.awaitingDispatch);
    this.#queued.set(statistics.queued);
    this.#running.set(statistics.running);
    this.#oldest.set(statistics.oldestQueuedAgeMs / 1000);
  }
}
