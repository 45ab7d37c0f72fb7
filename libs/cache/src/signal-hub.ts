import type { ScanSignal } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { decodeSignals } from './signal-codec.ts';

type Subscriber = (signal: ScanSignal) => void;

/** The subscribers of this process, by scan. */
export class SignalHub {
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  subscribe(scanId: string, subscriber: Subscriber): () => void {
    const ofScan = this.#subscribers.get(scanId) ?? new Set();
    this.#subscribers.set(scanId, ofScan.add(subscriber));
    return () => {
      ofScan.delete(subscriber);
      if (ofScan.size === 0 && this.#subscribers.get(scanId) === ofScan) this.#subscribers.delete(scanId);
    };
  }

  emit(signal: ScanSignal): void {
    for (const subscriber of this.#subscribers.get(signal.scanId) ?? []) subscriber(signal);
  }

  /** Hands a payload on; one that another version wrote in another form is left alone. */
  receive(payload: string): void {
    try {
      for (const signal of decodeSignals(payload)) this.emit(signal);
    } catch (error) {
      this.#log.warn({ error }, 'a scan signal has an unknown form');
    }
  }

  /** Signals may have been missed: everybody had better look. */
  emitToAll(): void {
    for (const scanId of this.#subscribers.keys()) this.emit({ organizationId: '', scanId, sequence: 0 });
  }
}
