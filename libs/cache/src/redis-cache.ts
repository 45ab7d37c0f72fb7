import type { CacheLookup, CacheService } from '@cloudscan/orchestration';
import { unavailable } from '@cloudscan/domain';
import type { Redis } from 'ioredis';
import { wait } from './wait.ts';

/** Milliseconds for which a failing Redis is left alone, so that not every reader pays for a time-out. */
const restMs = 1000;
/** Milliseconds between two tries to tell Redis of a deletion. */
const retryMs = 100;

/**
 * Every moment below is read from Redis's own clock, since the processes' clocks differ. It runs in scripts, which are atomic.
 *
 * An entry is a hash of `value` and `version`, or of `deleted`. The look-up that missed hands out its moment; the value that
 * was read after it dies one life later, whenever it arrives.
 */
const nowInLua = `local time = redis.call('TIME') local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

const getScript = `${nowInLua} return {redis.call('HGET', KEYS[1], 'value'), now}`;

/** KEYS: entry; ARGV: value, version, moment of the look-up, life. */
const setScript = `${nowInLua}
local lookedUpAt, life = tonumber(ARGV[3]), tonumber(ARGV[4])
if lookedUpAt > now or lookedUpAt + life <= now then return 0 end
local found = redis.call('HMGET', KEYS[1], 'deleted', 'version')
if found[1] or (found[2] and tonumber(found[2]) > tonumber(ARGV[2])) then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', ARGV[2])
redis.call('PEXPIREAT', KEYS[1], lookedUpAt + life)
return 1`;

/** The mark outlives every value that was being read when it was made. KEYS: entries; ARGV: life. */
const deleteScript = `
for _, key in ipairs(KEYS) do
  redis.call('DEL', key)
  redis.call('HSET', key, 'deleted', 1)
  redis.call('PEXPIRE', key, ARGV[1])
end
return 1`;

/**
 * A cache that all processes share. Why a deleted thing is never read back, whatever happens to Redis:
 *
 * - Redis answers: the deletion takes the entry away and leaves a mark that refuses values which were looked up before.
 * - Redis does not answer the deleter (down, frozen, cut off), while it may well answer others: `delete` tries again until it
 *   is told, or one life has passed. By then every value that was looked up before has died by itself.
 * - Redis comes back empty: there is nothing to be wrong. It comes back with a snapshot: entries keep the moment at which
 *   they die. A command that was stuck in a connection arrives late: a value past its life is refused.
 *
 * This rests on Redis's clock not stepping back by more than a life. After a failover to a replica that missed a mark, an
 * entry may be read until its life is over.
 */
export class RedisCache implements CacheService {
  readonly #redis: Redis & Scripts;
  readonly #lifeMs: number;
  #restsUntil = 0;

  /** @param lifeMs milliseconds that a value lives; 5,000 by default. It bounds what a `delete` takes while Redis is down. */
  constructor(redis: Redis, lifeMs = 5000) {
    redis.defineCommand('cloudscanGet', { numberOfKeys: 1, lua: getScript });
    redis.defineCommand('cloudscanSet', { numberOfKeys: 1, lua: setScript });
    redis.defineCommand('cloudscanDelete', { lua: deleteScript });
    this.#redis = redis as Redis & Scripts;
    this.#lifeMs = lifeMs;
  }

  async get(key: string): Promise<CacheLookup> {
    const answer = await this.#try(() => this.#redis.cloudscanGet(prefixed(key)));
    return answer === null ? { value: null, at: -1 } : { value: answer[0], at: answer[1] };
  }

  async set(key: string, value: string, { version, lookedUpAt }: { readonly version: number; readonly lookedUpAt: number }): Promise<void> {
    if (lookedUpAt < 0) return;
    await this.#try(() => this.#redis.cloudscanSet(prefixed(key), value, version, lookedUpAt, this.#lifeMs));
  }

  async delete(keys: readonly string[], signal: AbortSignal): Promise<void> {
    if (keys.length === 0) return;
    // A little more than a life, for two clocks that do not run equally fast.
    const settledAt = performance.now() + this.#lifeMs * 1.01 + 1;
    for (;;) {
      signal.throwIfAborted();
      if (await this.#markDeleted(keys)) return;
      const remainingMs = settledAt - performance.now();
      if (remainingMs <= 0) return;
      await wait(Math.min(retryMs, remainingMs), signal);
    }
  }

  async ping(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#redis.ping().catch((error: unknown) => {
      throw unavailable('Redis', error);
    });
  }

  async #markDeleted(keys: readonly string[]): Promise<boolean> {
    try {
      await this.#redis.cloudscanDelete(keys.length, ...keys.map(prefixed), this.#lifeMs);
      return true;
    } catch {
      this.#rest();
      return false;
    }
  }

  /** Null when Redis is down or rests. */
  async #try<T>(command: () => Promise<T>): Promise<T | null> {
    if (performance.now() < this.#restsUntil) return null;
    try {
      return await command();
    } catch {
      this.#rest();
      return null;
    }
  }

  #rest(): void {
    this.#restsUntil = performance.now() + restMs;
  }
}

interface Scripts {
  cloudscanGet(key: string): Promise<[value: string | null, now: number]>;
  cloudscanSet(key: string, value: string, version: number, lookedUpAt: number, lifeMs: number): Promise<number>;
  cloudscanDelete(keyCount: number, ...keysAndLife: (string | number)[]): Promise<number>;
}

function prefixed(key: string): string {
  return `cloudscan:${key}`;
}
