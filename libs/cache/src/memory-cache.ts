import type { CacheLookup, CacheService } from '@cloudscan/orchestration';
import { LruMap } from './lru-map.ts';
import { wait } from './wait.ts';

export interface MemoryCacheOptions {
  /** Milliseconds that a value lives; 250 by default. It is also what each `delete` takes. */
  readonly lifeMs?: number;
  /** Entries that are held; 2,000 by default. */
  readonly capacity?: number;
}

interface Entry {
  readonly value: string;
  readonly version: number;
  /** On the clock of `performance.now()`. */
  readonly diesAt: number;
}

/**
 * A cache of this process. Other processes on the same database have caches of their own that nobody can tell about a
 * deletion, so a value lives only for a moment, enough to take the weight of many readers of one thing off the database, and
 * `delete` waits for that moment: then no process holds anything that was read before.
 */
export class MemoryCache implements CacheService {
  readonly #lifeMs: number;
  readonly #entries: LruMap<string, Entry>;

  constructor(options: MemoryCacheOptions = {}) {
    this.#lifeMs = options.lifeMs ?? 250;
    this.#entries = new LruMap(options.capacity ?? 2000);
  }

  async get(key: string): Promise<CacheLookup> {
    const at = performance.now();
    const entry = this.#living(key, at);
    return { value: entry?.value ?? null, at };
  }

  async set(key: string, value: string, { version, lookedUpAt }: { readonly version: number; readonly lookedUpAt: number }): Promise<void> {
    const now = performance.now();
    const diesAt = lookedUpAt + this.#lifeMs;
    if (lookedUpAt < 0 || diesAt <= now || (this.#living(key, now)?.version ?? -1) > version) return;
    this.#entries.set(key, { value, version, diesAt });
  }

  async delete(keys: readonly string[], signal: AbortSignal): Promise<void> {
    for (const key of keys) this.#entries.delete(key);
    await wait(this.#lifeMs, signal);
  }

  async ping(): Promise<void> {
    // It is where the process is.
  }

  #living(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.diesAt > now) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}
