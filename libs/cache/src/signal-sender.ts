import type { ScanSignal } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { encodeSignals } from './signal-codec.ts';

/** Scans with a signal that waits; above that, signals are dropped, and watchers find out by looking. */
const maxWaiting = 10_000;

/**
 * Sends signals in batches, one at a time: the first goes at once, those that come while it is under way go together, and of
 * several for one scan only the newest. A batch that cannot be sent is dropped: signals are hints.
 */
export class SignalSender {
  readonly #send: (payloads: readonly string[]) => Promise<void>;
  readonly #log: Logger;
  #waiting = new Map<string, ScanSignal>();
  #sending: Promise<void> | null = null;

  constructor(send: (payloads: readonly string[]) => Promise<void>, log: Logger) {
    this.#send = send;
    this.#log = log;
  }

  add(signal: ScanSignal): void {
    const waiting = this.#waiting.get(signal.scanId);
    if (waiting === undefined ? this.#waiting.size >= maxWaiting : !isNewer(signal, waiting)) return;
    this.#waiting.set(signal.scanId, signal);
    this.#sending ??= this.#drain();
  }

  /** Resolves when nothing is under way any more. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()];
      this.#waiting = new Map();
      await this.#send(encodeSignals(batch)).catch((error: unknown) => {
        this.#log.debug({ error, signals: batch.length }, 'scan signals were not sent; watchers find out by looking');
      });
    }
    this.#sending = null;
  }
}

function isNewer(signal: ScanSignal, than: ScanSignal): boolean {
  return signal.deleted === true || (than.deleted !== true && signal.sequence > than.sequence);
}
