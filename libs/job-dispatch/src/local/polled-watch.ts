import { isDeepStrictEqual } from 'node:util';
import type { JobStatus, JobWatch } from '@cloudscan/orchestration';
import { PeriodicTask } from '@cloudscan/process';

export interface PolledWatchOptions {
  readonly intervalMs: number;
  readonly onChange: (jobName: string, seen: JobStatus | null) => void;
  /** Gets the error of a poll that failed; the next one tells of what changed meanwhile. */
  readonly onError: (error: unknown) => void;
}

/** Follows Jobs by listing them again and again. */
export class PolledWatch implements JobWatch {
  readonly #list: () => AsyncIterable<JobStatus>;
  readonly #onChange: PolledWatchOptions['onChange'];
  readonly #task: PeriodicTask;
  #seen: ReadonlyMap<string, JobStatus> = new Map();
  #heardAt = performance.now();

  private constructor(list: () => AsyncIterable<JobStatus>, { intervalMs, onChange, onError }: PolledWatchOptions) {
    this.#list = list;
    this.#onChange = onChange;
    this.#task = new PeriodicTask({ name: 'watch', intervalMs, onError }, () => this.#poll());
  }

  /** Throws what the first listing throws. */
  static async start(list: () => AsyncIterable<JobStatus>, options: PolledWatchOptions): Promise<PolledWatch> {
    const watch = new PolledWatch(list, options);
    await watch.#poll();
    await watch.#task.start();
    return watch;
  }

  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  async stop(): Promise<void> {
    await this.#task.stop();
  }

  async #poll(): Promise<void> {
    const current = new Map<string, JobStatus>();
    for await (const status of this.#list()) current.set(status.jobName, status);
    const before = this.#seen;
    this.#seen = current;
    this.#heardAt = performance.now();
    for (const [jobName, status] of current) if (!isDeepStrictEqual(status, before.get(jobName))) this.#onChange(jobName, status);
    for (const jobName of before.keys()) if (!current.has(jobName)) this.#onChange(jobName, null);
  }
}
