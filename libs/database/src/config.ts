import type { EnvReader, Secret } from '@cloudscan/config';

export const sslModes = ['disable', 'prefer', 'require', 'verify-full'] as const;
/** As libpq's `sslmode`; `prefer` tries TLS and falls back. */
export type SslMode = (typeof sslModes)[number];

export interface DatabaseConfig {
  /** A host name, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
  readonly name: string;
  readonly sslMode: SslMode;
  readonly maxConnections: number;
  readonly minConnections: number;
}

/** Reads `DB_*`. */
export function readDatabaseConfig(env: EnvReader): DatabaseConfig {
  const maxConnections = env.integer('DB_MAX_CONNS', 25, { min: 2, max: 10_000 });
  return {
    host: env.string('DB_HOST', '127.0.0.1'),
    port: env.integer('DB_PORT', 5432, { min: 1, max: 65_535 }),
    user: env.string('DB_USER', 'cloudscan'),
    password: env.secret('DB_PASSWORD'),
    name: env.string('DB_NAME', 'orchestrator'),
    sslMode: env.oneOf('DB_SSLMODE', sslModes, 'prefer'),
    maxConnections,
    minConnections: Math.min(env.integer('DB_MIN_CONNS', 5, { min: 0, max: 10_000 }), maxConnections),
  };
}
