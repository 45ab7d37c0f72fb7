import type { Transfer } from '@cloudscan/object-store';
import { Counter, Histogram } from '@cloudscan/telemetry';
import type { Registry } from '@cloudscan/telemetry';
import type { Collected } from './collector.ts';

/** What the byte edge and the collector do; the RPCs have metrics of their own. */
export class StorageMetrics {
  readonly #transfers: Counter;
  readonly #bytes: Counter;
  readonly #seconds: Histogram;
  readonly #collected: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#transfers = new Counter({
      name: 'cloudscan_storage_transfers_total',
      help: 'Requests for uploads and downloads, by method and HTTP status; 499 where the client went away',
      labelNames: ['method', 'status'],
      registers,
    });
    this.#bytes = new Counter({
      name: 'cloudscan_storage_bytes_total',
      help: 'Bytes of artifacts that came in and went out',
      labelNames: ['direction'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'cloudscan_storage_transfer_duration_seconds',
      help: 'Time of an upload or a download',
      labelNames: ['method'],
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800],
      registers,
    });
    this.#collected = new Counter({
      name: 'cloudscan_storage_collected_total',
      help: 'What the collector took away, by kind',
      labelNames: ['kind'],
      registers,
    });
  }

  recordTransfer({ method, status, bytesIn, bytesOut, durationMs }: Transfer): void {
    const known = ['PUT', 'GET', 'HEAD'].includes(method) ? method : 'other';
    this.#transfers.inc({ method: known, status: String(status) });
    this.#bytes.inc({ direction: 'in' }, bytesIn);
    this.#bytes.inc({ direction: 'out' }, bytesOut);
    this.#seconds.observe({ method: known }, durationMs / 1000);
  }

  recordCollected(collected: Collected): void {
    for (const [kind, count] of Object.entries(collected)) this.#collected.inc({ kind }, count as number);
  }
}
