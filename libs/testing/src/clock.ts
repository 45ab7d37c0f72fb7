/** A clock that can also call back; times are those of the clock itself. */
export interface TimerClock {
  now(): Date;
  /** Calls `run` once when the clock has reached `time`. Returns what takes the call back. */
  at(time: Date, run: () => void): () => void;
}

/** The machine's clock. Its timers keep no process alive. */
export const realClock: TimerClock = {
  now: () => new Date(),
  at: (time, run) => {
    // Node.js fires at once what is longer than a 32-bit number of milliseconds.
    const longestMs = 2 ** 31 - 1;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const remaining = time.getTime() - Date.now();
      timer = remaining > longestMs ? setTimeout(wait, longestMs) : setTimeout(run, Math.max(0, remaining));
      timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  },
};

interface Timer {
  readonly time: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements TimerClock {
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(start: Date = new Date('2026-01-15T12:00:00Z')) {
    this.#now = start.getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  /** A time that is not after now is reached by the next step, also by one of 0 ms. */
  at(time: Date, run: () => void): () => void {
    const timer = { time: time.getTime(), run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /**
   * Stops on the way at each time that somebody waits for, in order.
   *
   * @param ms milliseconds; negative ones step back
   */
  advance(ms: number): void {
    const target = this.#now + ms;
    for (;;) {
      const next = this.#next();
      if (next === null || next.time > target) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.time);
      next.run();
    }
    this.#now = target;
  }

  #next(): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) if (next === null || timer.time < next.time) next = timer;
    return next;
  }
}
