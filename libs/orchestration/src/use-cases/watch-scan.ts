import { isTerminal } from '@cloudscan/domain';
import type { ScanEvent } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import { findScan } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface WatchScanRequest {
  readonly scanId: string;
  /** The number of the last event that was seen; 0 for none. */
  readonly afterSequence: number;
}

/** Events that are read, and so held, at a time: a slow watcher holds no more. */
const pageSize = 100;

/**
 * A scan's events after `afterSequence`, then those that come, up to the one that ends the scan; also ends when the scan is
 * deleted. What is told comes from the database only; signals say when to look, and a slow poll makes up for lost ones.
 *
 * @throws invalid_argument, not_found, and the reason of the caller's signal
 */
export async function* watchScan(ports: UseCasePorts, caller: Caller, request: WatchScanRequest): AsyncGenerator<ScanEvent> {
  const { scans, events, policy } = ports;
  const { scope, signal } = caller;
  const { scanId, afterSequence } = readRequest((reader) => ({
    scanId: reader.id('scan_id', request.scanId),
    afterSequence: reader.integer('after_sequence', request.afterSequence, { min: 0, max: Number.MAX_SAFE_INTEGER }),
  }));
  await findScan(ports, caller, scanId);
  const doorbell = new Doorbell();
  const unsubscribe = events.subscribe(scanId, () => doorbell.ring());
  try {
    let seen = afterSequence;
    for (;;) {
      signal.throwIfAborted();
      const page = await scans.events(scope, scanId, seen, pageSize);
      for (const event of page) {
        yield event;
        seen = event.sequence;
        if (event.type === 'transition' && isTerminal(event.to)) return;
      }
      if (page.length === 0) {
        const scan = await scans.findById(scope, scanId);
        if (scan === null || (isTerminal(scan.status) && scan.sequence <= seen)) return;
      }
      if (page.length < pageSize) await doorbell.rung(policy.watchPollMs, signal);
    }
  } finally {
    unsubscribe();
  }
}

/** Remembers that it was rung while nobody waited. */
class Doorbell {
  #rung = false;
  #answer: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#answer?.();
  }

  /** Resolves when it is or was rung, after `limitMs` at the latest, and when the signal aborts. */
  async rung(limitMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          this.#answer = null;
          resolve();
        };
        const timer = setTimeout(done, limitMs);
        signal.addEventListener('abort', done, { once: true });
        this.#answer = done;
      });
    }
    this.#rung = false;
  }
}
