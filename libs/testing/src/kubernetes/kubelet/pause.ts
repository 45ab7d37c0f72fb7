import type { TimerClock } from '../../clock.ts';

/** Resolves after `ms` milliseconds of the clock, or as soon as `signal` aborts. */
export function pause(clock: TimerClock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = clock.at(new Date(clock.now().getTime() + ms), done);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
