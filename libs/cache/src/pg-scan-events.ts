import { Listener } from '@cloudscan/database';
import type { Database, DatabaseConfig } from '@cloudscan/database';
import type { ScanEvents, ScanSignal } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { SignalHub } from './signal-hub.ts';
import { SignalSender } from './signal-sender.ts';

const channel = 'cloudscan_scan_events';

export interface PgScanEventsOptions {
  readonly database: Database;
  readonly config: DatabaseConfig;
  readonly applicationName: string;
  readonly log: Logger;
}

/** ScanEvents by PostgreSQL's NOTIFY, on a connection of its own for listening. */
export class PgScanEvents implements ScanEvents, AsyncDisposable {
  readonly #hub: SignalHub;
  readonly #sender: SignalSender;
  readonly #listener: Listener;

  constructor({ database, config, applicationName, log }: PgScanEventsOptions) {
    this.#hub = new SignalHub(log);
    this.#sender = new SignalSender((payloads) => database.notify(channel, payloads), log);
    this.#listener = new Listener(config, {
      applicationName: `${applicationName}-events`,
      channel,
      onPayload: (payload) => this.#hub.receive(payload),
      onGap: () => this.#hub.emitToAll(),
      onError: (error) => log.warn({ error }, 'listening for scan events failed; watchers look by themselves'),
    });
  }

  async start(): Promise<void> {
    await this.#listener.start();
  }

  /** Sends what is under way, then stops listening. */
  async stop(): Promise<void> {
    await this.#sender.flush();
    await this.#listener.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  publish(signal: ScanSignal): void {
    this.#hub.emit(signal);
    this.#sender.add(signal);
  }

  subscribe(scanId: string, onSignal: (signal: ScanSignal) => void): () => void {
    return this.#hub.subscribe(scanId, onSignal);
  }
}
