/**
 * Speeds reads up and is never needed: where the cache is down, `get` finds nothing and `set` does nothing. It never answers
 * what was deleted:
 *
 * - A value lives for a short, fixed time, counted on the cache's own clock from the look-up that missed it, that is, from
 *   before its source was read.
 * - `delete` resolves once no process can be answered what was kept, or what is being read, before it was called. Where the
 *   cache cannot be told, it waits until all of that has come to its end: a cache that is down costs time, nothing else.
 *
 * So a source that is changed first and then deleted here is never read back in its former state.
 */
export interface CacheService {
  get(key: string): Promise<CacheLookup>;
  /**
   * Keeps a value that was read after the look-up, unless a higher version is there or the key was deleted meanwhile.
   *
   * @param version grows with the thing's state; an older state never replaces a newer one
   */
  set(key: string, value: string, options: { readonly version: number; readonly lookedUpAt: number }): Promise<void>;
  /** @param signal stops the waiting, with its reason: whether the keys are gone is not known then */
  delete(keys: readonly string[], signal: AbortSignal): Promise<void>;
  /** Throws when a cache that is configured cannot be reached. */
  ping(signal: AbortSignal): Promise<void>;
}

export interface CacheLookup {
  /** Small JSON text; null when there is none. */
  readonly value: string | null;
  /** The moment of the look-up on the cache's clock, for `set`; negative when the cache could not be asked. */
  readonly at: number;
}
