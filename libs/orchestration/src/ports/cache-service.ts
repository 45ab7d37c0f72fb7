/**
 * Speeds reads up and is never needed: where the cache is down, `get` answers null and writes do nothing.
 * Values are small JSON texts.
 */
export interface CacheService {
  get(key: string): Promise<string | null>;
  /**
   * Keeps the value unless a higher version is there.
   *
   * @param version grows with the thing's state; an older state never replaces a newer one
   */
  set(key: string, value: string, options: { readonly ttlMs: number; readonly version: number }): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  /** Throws when a cache that is configured cannot be reached. */
  ping(signal: AbortSignal): Promise<void>;
}
