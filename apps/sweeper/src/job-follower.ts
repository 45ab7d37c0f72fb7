import { setTimeout as delay } from 'node:timers/promises';
import type { JobDispatcher, JobStatus, JobWatch, Looks, Sightings, SweepReport } from '@cloudscan/orchestration';
import { DueQueue } from './due-queue.ts';

export interface JobFollowerOptions {
  readonly jobs: Pick<JobDispatcher, 'watch'>;
  readonly runFor: (jobNames: readonly string[], seen: Sightings, signal: AbortSignal) => Promise<SweepReport>;
  /** Asked before every look: whether this process may still act. */
  readonly mayAct: () => boolean;
  /** Called once the picture of all Jobs is complete. */
  readonly onWatching: () => void;
  /** `lagsMs`: how long ago the changes that were looked at had been heard of. */
  readonly onReport: (report: SweepReport, lagsMs: readonly number[]) => void;
  /** Gets what kept the platform or the database from being read; it is tried again. */
  readonly onError: (error: unknown) => void;
}

/** Jobs of one look, as many as the platform and the database are asked for at once. */
const batchSize = 100;
/** Looks at a time, so that a Job that is slow to stop holds up no other. */
const maxLooks = 4;
/** Milliseconds for which changes are gathered. */
const gatherMs = 50;
/** Milliseconds without looks after one could not read: at first, and at most. */
const pauseMs = { first: 500, most: 15_000 };

/** Follows the Jobs of the platform and looks at each that changed, or that is due, for as long as this process leads. */
export class JobFollower {
  readonly #options: JobFollowerOptions;
  readonly #queue = new DueQueue();
  /** The changes that wait: since when, and what was seen last. */
  readonly #changes = new Map<string, { readonly heardAt: number; readonly seen: JobStatus | null }>();
  readonly #looks = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Infinity;
  #watch: JobWatch | null = null;
  #watching: Promise<void> = Promise.resolve();
  #failures = 0;
  #pausedUntil = 0;

  constructor(options: JobFollowerOptions) {
    this.#options = options;
  }

  /** Begins to watch after `previous`, since a platform bears one watch at a time. */
  start(previous: Promise<void>): void {
    this.#watching = previous.then(() => this.#keepWatching());
  }

  /** Whether the picture of all Jobs is complete. */
  get isWatching(): boolean {
    return this.#watch !== null;
  }

  /** Milliseconds since the platform was last heard of; null before the first time. */
  get silentMs(): number | null {
    return this.#watch?.silentMs ?? null;
  }

  schedule(looks: Looks): void {
    const now = performance.now();
    for (const [jobName, ms] of looks) this.#queue.add(jobName, now + ms);
    this.#pump();
  }

  /** Stops looking at once and waits for the looks at work. What is returned resolves when the watch has ended too. */
  async stop(): Promise<{ readonly watchEnded: Promise<void> }> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await Promise.all(this.#looks);
    // A watch that waits for its platform to come back is not waited for.
    const watchEnded = this.#watching.then(() => this.#watch?.stop()).catch(this.#options.onError);
    if (this.#watch !== null) await watchEnded;
    return { watchEnded };
  }

  async #keepWatching(): Promise<void> {
    const { jobs, onWatching, onError } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#watch = await jobs.watch((jobName, seen) => this.#changed(jobName, seen));
        if (!signal.aborted) onWatching();
        return;
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
        await delay(this.#nextPause(), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #changed(jobName: string, seen: JobStatus | null): void {
    const now = performance.now();
    this.#changes.set(jobName, { heardAt: this.#changes.get(jobName)?.heardAt ?? now, seen });
    this.#queue.add(jobName, now + gatherMs);
    this.#wake(now + gatherMs);
  }

  #wake(at: number): void {
    if (at >= this.#wakeAt || this.#stopped.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, at - performance.now()));
  }

  /** Begins as many looks as may run, and comes back when the next is due. */
  #pump(): void {
    this.#wakeAt = Infinity;
    while (
      !this.#stopped.signal.aborted &&
      this.#looks.size < maxLooks &&
      performance.now() >= this.#pausedUntil &&
      this.#options.mayAct()
    ) {
      const jobNames = this.#queue.take(performance.now(), batchSize);
      if (jobNames.length === 0) break;
      const look = this.#look(jobNames).finally(() => {
        this.#looks.delete(look);
        this.#pump();
      });
      this.#looks.add(look);
    }
    const nextAt = Math.max(this.#queue.nextAt, this.#pausedUntil);
    // While this process may not act it asks again now and then, until it may or is stopped.
    if (this.#looks.size < maxLooks && nextAt < Infinity) this.#wake(Math.max(nextAt, performance.now() + gatherMs));
  }

  async #look(jobNames: readonly string[]): Promise<void> {
    const heard: number[] = [];
    const seen = new Map<string, JobStatus | null>();
    for (const jobName of jobNames) {
      const change = this.#changes.get(jobName);
      if (change === undefined) continue;
      this.#changes.delete(jobName);
      heard.push(change.heardAt);
      seen.set(jobName, change.seen);
    }
    try {
      const report = await this.#options.runFor(jobNames, seen, this.#stopped.signal);
      this.#failures = 0;
      const now = performance.now();
      for (const [jobName, ms] of report.again) this.#queue.add(jobName, now + ms);
      this.#options.onReport(
        report,
        heard.map((at) => now - at),
      );
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      for (const jobName of jobNames) this.#queue.add(jobName, performance.now());
      this.#failed(error);
    } finally {
      this.#queue.done(jobNames);
    }
  }

  /** Looks that fail side by side are one failure. */
  #failed(error: unknown): void {
    const now = performance.now();
    if (now < this.#pausedUntil) return;
    this.#pausedUntil = now + this.#nextPause();
    this.#options.onError(error);
  }

  #nextPause(): number {
    this.#failures += 1;
    return Math.min(pauseMs.most, pauseMs.first * 2 ** (this.#failures - 1));
  }
}
