import { readConfig, readUnguardedAddress } from '@cloudscan/config';
import type { Endpoint, Environment } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { readServerTls } from '@cloudscan/grpc';
import type { ServerTls } from '@cloudscan/grpc';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';
import { readBackend } from './backend-config.ts';
import type { BackendConfig } from './backend-config.ts';
import type { QuotaLimits } from './quota.ts';

export interface StorageConfig {
  readonly logLevel: LogLevel;
  readonly grpc: Endpoint;
  /** Null: calls come in plain text. */
  readonly tls: ServerTls | null;
  readonly ops: Endpoint;
  readonly database: DatabaseConfig;
  readonly backend: BackendConfig;
  /** Of organizations that have none of their own. */
  readonly quota: QuotaLimits;
  /** Life of the URLs that a request says nothing about. */
  readonly urlMs: number;
  /** How long an artifact lives once it was uploaded. */
  readonly retentionMs: number;
  readonly collector: CollectorConfig;
}

export interface CollectorConfig {
  readonly intervalMs: number;
  /** What is younger may belong to a call or a transfer that is at work. */
  readonly graceMs: number;
}

const dayMs = 86_400_000;
/** Artifacts outlive their scans' retention a little: the orchestrator deletes them, the collector takes what it forgot. */
const retentionSlackDays = 7;
const count = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** @throws ConfigError */
export function loadConfig(env: Environment): StorageConfig {
  return readConfig(env, (reader) => {
    return {
      logLevel: readLogLevel(reader),
      grpc: readUnguardedAddress(reader, { host: 'STORAGE_GRPC_HOST', port: 'STORAGE_GRPC_PORT' }, 8082),
      tls: readServerTls(reader, 'STORAGE_TLS'),
      ops: { host: reader.string('METRICS_HOST', '127.0.0.1'), port: reader.port('METRICS_PORT', 9090) },
      database: readDatabaseConfig(reader),
      backend: readBackend(reader),
      quota: {
        bytes: reader.integer('STORAGE_QUOTA_BYTES', 1024 ** 4, count),
        artifacts: reader.integer('STORAGE_QUOTA_ARTIFACTS', 10_000_000, count),
        uploadBytes: reader.integer('STORAGE_MAX_UPLOAD_BYTES', 5 * 1024 ** 3, count),
      },
      urlMs: reader.integer('STORAGE_URL_SECONDS', 900, { min: 1, max: 604_800 }) * 1000,
      retentionMs: (reader.integer('RETENTION_DAYS', 90, { min: 1, max: 36_500 }) + retentionSlackDays) * dayMs,
      collector: {
        intervalMs: reader.integer('STORAGE_COLLECT_INTERVAL_SECONDS', 600, { min: 1, max: 86_400 }) * 1000,
        graceMs: reader.integer('STORAGE_COLLECT_GRACE_SECONDS', 3600, { min: 0, max: 604_800 }) * 1000,
      },
    };
  });
}
