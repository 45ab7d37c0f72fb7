import type { Database, DatabaseConfig } from '@cloudscan/database';
import type { CacheService, ScanEvents } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { MemoryCache } from './memory-cache.ts';
import { PgScanEvents } from './pg-scan-events.ts';
import { RedisCache } from './redis-cache.ts';
import type { RedisConfig } from './redis-config.ts';
import { connectRedis, createRedis } from './redis-connection.ts';
import { RedisScanEvents } from './redis-scan-events.ts';

/** A cache and an event bus that belong together. */
export interface Caching extends AsyncDisposable {
  readonly kind: 'redis' | 'memory';
  readonly cache: CacheService;
  readonly events: ScanEvents;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface CachingOptions {
  /** Null: in memory, with PostgreSQL's NOTIFY. */
  readonly redis: RedisConfig | null;
  readonly database: Database;
  readonly databaseConfig: DatabaseConfig;
  readonly applicationName: string;
  readonly log: Logger;
}

export function createCaching(options: CachingOptions): Caching {
  return options.redis === null ? memoryCaching(options) : redisCaching(options.redis, options);
}

function memoryCaching({ database, databaseConfig: config, applicationName, log }: CachingOptions): Caching {
  const events = new PgScanEvents({ database, config, applicationName, log });
  return {
    kind: 'memory',
    cache: new MemoryCache(),
    events,
    start: () => events.start(),
    stop: () => events.stop(),
    [Symbol.asyncDispose]: () => events.stop(),
  };
}

function redisCaching(config: RedisConfig, { applicationName, log }: CachingOptions): Caching {
  const redis = createRedis(config, applicationName, log);
  const events = new RedisScanEvents(redis, createRedis(config, `${applicationName}-events`, log), log);
  const stop = async (): Promise<void> => {
    await events.stop();
    redis.disconnect();
  };
  return {
    kind: 'redis',
    cache: new RedisCache(redis),
    events,
    start: async () => {
      await Promise.all([connectRedis(redis), events.start()]);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
