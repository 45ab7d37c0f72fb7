import type { Service } from './service.ts';

export interface PeriodicTaskOptions {
  readonly name: string;
  /** Milliseconds between the end of one run and the start of the next. */
  readonly intervalMs: number;
  /** Share of the interval by which each pause varies, 0 to 1; 0.1 by default. */
  readonly jitter?: number;
  /** Gets every error; the task goes on. */
  readonly onError: (error: unknown) => void;
  /** Gets the milliseconds that each run took. */
  readonly onRun?: (durationMs: number) => void;
}

/** Calls `runOnce` again and again: never overlapping itself, jittered, and no error ends it. */
export class PeriodicTask implements Service {
  readonly #runOnce: (signal: AbortSignal) => Promise<unknown>;
  readonly #options: PeriodicTaskOptions;
  #abort: AbortController | null = null;
  #wake: (() => void) | null = null;
  #woken = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: PeriodicTaskOptions, runOnce: (signal: AbortSignal) => Promise<unknown>) {
    this.#options = options;
    this.#runOnce = runOnce;
  }

  async start(): Promise<void> {
    if (this.#abort !== null) return;
    this.#abort = new AbortController();
    this.#loop = this.#run(this.#abort.signal);
  }

  /** Runs now rather than at the end of the pause; during a run, once more after it. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Aborts the run at work and waits for it. */
  async stop(): Promise<void> {
    this.#abort?.abort();
    this.#wake?.();
    await this.#loop;
    this.#abort = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#woken = false;
      const startedAt = performance.now();
      try {
        await this.#runOnce(signal);
      } catch (error) {
        if (!signal.aborted) this.#options.onError(error);
      }
      this.#options.onRun?.(performance.now() - startedAt);
      if (!signal.aborted && !this.#woken) await this.#pause();
    }
  }

  #pause(): Promise<void> {
    const { intervalMs, jitter = 0.1 } = this.#options;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, intervalMs * (1 + jitter * (2 * Math.random() - 1)));
      this.#wake = done;
    });
  }
}
