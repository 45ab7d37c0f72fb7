import { availableParallelism } from 'node:os';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Teardown } from '@cloudscan/testing';

/** What a benchmark has started, taken down in reverse order. */
export class BenchTeardown implements Teardown, AsyncDisposable {
  readonly #callbacks: (() => void | Promise<void>)[] = [];

  teardown(callback: () => void | Promise<void>): void {
    this.#callbacks.push(callback);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const callback of this.#callbacks.toReversed()) await callback();
    this.#callbacks.length = 0;
  }
}

export interface Cores {
  /** Comes before the command lines of who is measured. */
  readonly measured: readonly string[];
  /** Comes before the command line of the simulated cluster, which has a core to itself. */
  readonly simulator: readonly string[];
}

/** Nothing is bound where there is one core, or no taskset (util-linux). */
export function divideCores(): Cores {
  const last = availableParallelism() - 1;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (last < 1 || !folders.some((folder) => existsSync(join(folder, 'taskset')))) return { measured: [], simulator: [] };
  return { measured: ['taskset', '-c', last === 1 ? '0' : `0-${last - 1}`], simulator: ['taskset', '-c', String(last)] };
}

/** Tells on standard error what is being measured: a case may take minutes. */
export function announce(what: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what} …\n`);
}

/** The value below which that share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
