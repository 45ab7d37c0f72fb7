import { readRedisConfig } from '@cloudscan/cache';
import type { RedisConfig } from '@cloudscan/cache';
import { parseEndpoint, readConfig } from '@cloudscan/config';
import type { Endpoint, EnvReader, Environment } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { readStorageClientConfig } from '@cloudscan/storage-client';
import type { StorageClientConfig } from '@cloudscan/storage-client';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';

export interface ApiHttpConfig {
  readonly logLevel: LogLevel;
  readonly http: Endpoint;
  /** Where the same routes are served a second time, for a cluster's probes; null for nowhere. */
  readonly ops: Endpoint | null;
  readonly database: DatabaseConfig;
  readonly redis: RedisConfig | null;
  readonly storage: StorageClientConfig;
  /** api-grpc. */
  readonly orchestrator: Endpoint;
}

/** @throws ConfigError */
export function loadConfig(env: Environment): ApiHttpConfig {
  return readConfig(env, (reader) => ({
    logLevel: readLogLevel(reader),
    http: { host: reader.string('HTTP_HOST', '127.0.0.1'), port: reader.port('HTTP_PORT', 8081) },
    ops: readOps(reader),
    // It only asks whether the database is there.
    database: { ...readDatabaseConfig(reader), maxConnections: 2, minConnections: 0 },
    redis: readRedisConfig(reader),
    storage: readStorageClientConfig(reader),
    orchestrator: readOrchestrator(reader),
  }));
}

function readOps(reader: EnvReader): Endpoint | null {
  const host = reader.string('METRICS_HOST', '127.0.0.1');
  return reader.optional('METRICS_PORT') === undefined ? null : { host, port: reader.port('METRICS_PORT', 9090) };
}

function readOrchestrator(reader: EnvReader): Endpoint {
  const text = reader.string('ORCHESTRATOR_ENDPOINT', `127.0.0.1:${reader.port('GRPC_PORT', 9999)}`);
  const endpoint = parseEndpoint(text, 9999);
  if (endpoint === null) reader.problem('ORCHESTRATOR_ENDPOINT', `is ${JSON.stringify(text)}`, 'host:port');
  return endpoint ?? { host: '127.0.0.1', port: 9999 };
}
