import type { EnvReader, Secret } from '@cloudscan/config';

export interface RedisConfig {
  readonly host: string;
  readonly port: number;
  readonly password: Secret;
  readonly db: number;
  readonly tls: boolean;
}

/** Reads `REDIS_*`; null when `REDIS_HOST` is not set. */
export function readRedisConfig(env: EnvReader): RedisConfig | null {
  const host = env.optional('REDIS_HOST');
  const rest = {
    port: env.integer('REDIS_PORT', 6379, { min: 1, max: 65_535 }),
    password: env.secret('REDIS_PASSWORD'),
    db: env.integer('REDIS_DB', 0, { min: 0, max: 65_535 }),
    tls: env.boolean('REDIS_TLS', false),
  };
  return host === undefined ? null : { host, ...rest };
}
