import { setTimeout as delay } from 'node:timers/promises';

/** @throws the signal's reason when it aborts first */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await delay(Math.max(0, ms), undefined, { signal }).catch(() => signal.throwIfAborted());
}
