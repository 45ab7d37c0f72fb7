import type { Logger } from '@cloudscan/telemetry';
import { unavailable } from '@cloudscan/domain';
import type { RedisConfig } from './redis-config.ts';
import { connectRedis, createRedis } from './redis-connection.ts';

/** Asks whether Redis answers, for processes that only report it. */
export interface RedisProbe {
  /** Throws `unavailable` when it does not. */
  check(signal: AbortSignal): Promise<void>;
  close(): void;
}

export function createRedisProbe(config: RedisConfig, name: string, log: Logger): RedisProbe {
  const redis = createRedis(config, name, log);
  return {
    check: async (signal) => {
      signal.throwIfAborted();
      await connectRedis(redis);
      await redis.ping().catch((error: unknown) => {
        throw unavailable('Redis', error);
      });
    },
    close: () => redis.disconnect(),
  };
}
