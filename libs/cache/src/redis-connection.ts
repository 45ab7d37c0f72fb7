import type { Logger } from '@cloudscan/telemetry';
import { Redis } from 'ioredis';
import type { RedisConfig } from './redis-config.ts';

const maxReconnectMs = 2000;

/**
 * A connection that never makes a caller wait for Redis: commands fail at once while it is down and soon when it does not
 * answer, and none is kept and sent again later, when nobody knows any more what it was for. Reconnects by itself.
 *
 * @param name as `CLIENT LIST` shows it
 * @param commandTimeoutMs milliseconds that a command may take before its caller goes on without Redis
 */
export function createRedis(config: RedisConfig, name: string, log: Logger, commandTimeoutMs = 250): Redis {
  const redis = new Redis({
    host: config.host,
    port: config.port,
    ...(config.password.isEmpty ? {} : { password: config.password.reveal() }),
    db: config.db,
    ...(config.tls ? { tls: {} } : {}),
    connectionName: name,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 1000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), maxReconnectMs),
  });
  let isDown = false;
  redis.on('ready', () => {
    if (isDown) log.info({ connection: name }, 'Redis is back');
    isDown = false;
  });
  redis.on('error', (error: Error) => {
    if (!isDown) log.warn({ connection: name, error }, 'Redis is not reachable; going on without it');
    isDown = true;
  });
  return redis;
}

/** Connects, and goes on when that fails: the connection tries by itself from then on. */
export async function connectRedis(redis: Redis): Promise<void> {
  if (redis.status === 'wait') await redis.connect().catch(() => undefined);
}
