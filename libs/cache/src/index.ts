export { createCaching } from './caching.ts';
export type { Caching, CachingOptions } from './caching.ts';
export { LruMap } from './lru-map.ts';
export { MemoryCache } from './memory-cache.ts';
export { RedisCache } from './redis-cache.ts';
export { readRedisConfig } from './redis-config.ts';
export type { RedisConfig } from './redis-config.ts';
export { createRedisProbe } from './redis-probe.ts';
export type { RedisProbe } from './redis-probe.ts';
