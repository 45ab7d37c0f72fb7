import { isLoopback, readConfig, readUnguardedAddress } from '@cloudscan/config';
import type { Endpoint, Environment, EnvReader, Secret } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';

export interface StorageConfig {
  readonly logLevel: LogLevel;
  readonly grpc: Endpoint;
  /** Where bytes come and go. */
  readonly edge: Endpoint;
  readonly ops: Endpoint;
  readonly database: DatabaseConfig;
  /** Where clients reach the edge; null: on this machine, at the port in use. */
  readonly publicUrl: string | null;
  readonly dataDir: string;
  readonly signingKey: Secret;
  readonly maxUploadBytes: number;
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
const minSigningKeyLength = 32;

/** @throws ConfigError */
export function loadConfig(env: Environment): StorageConfig {
  return readConfig(env, (reader) => {
    // Further backends come with their own settings.
    reader.oneOf('STORAGE_BACKEND', ['filesystem'], 'filesystem');
    const edge = { host: reader.string('STORAGE_HTTP_HOST', '127.0.0.1'), port: reader.port('STORAGE_HTTP_PORT', 8083) };
    return {
      logLevel: readLogLevel(reader),
      grpc: readUnguardedAddress(reader, { host: 'STORAGE_GRPC_HOST', port: 'STORAGE_GRPC_PORT' }, 8082),
      edge,
      ops: { host: reader.string('METRICS_HOST', '127.0.0.1'), port: reader.port('METRICS_PORT', 9090) },
      database: readDatabaseConfig(reader),
      publicUrl: readPublicUrl(reader, edge),
      dataDir: reader.required('STORAGE_DATA_DIR', 'the folder that keeps the uploaded files'),
      signingKey: readSigningKey(reader),
      maxUploadBytes: reader.integer('STORAGE_MAX_UPLOAD_BYTES', 5 * 1024 ** 3, { min: 1, max: Number.MAX_SAFE_INTEGER }),
      retentionMs: (reader.integer('RETENTION_DAYS', 90, { min: 1, max: 36_500 }) + retentionSlackDays) * dayMs,
      collector: {
        intervalMs: reader.integer('STORAGE_COLLECT_INTERVAL_SECONDS', 600, { min: 1, max: 86_400 }) * 1000,
        graceMs: reader.integer('STORAGE_COLLECT_GRACE_SECONDS', 3600, { min: 0, max: 604_800 }) * 1000,
      },
    };
  });
}

function readSigningKey(reader: EnvReader): Secret {
  const want = `at least ${minSigningKeyLength} random characters, the same for every storage process, for example from: openssl rand -hex 32`;
  const key = reader.secret('STORAGE_SIGNING_KEY');
  if (key.isEmpty) reader.required('STORAGE_SIGNING_KEY', want);
  else if (key.reveal().length < minSigningKeyLength) reader.problem('STORAGE_SIGNING_KEY', 'is too short', want);
  return key;
}

function readPublicUrl(reader: EnvReader, edge: Endpoint): string | null {
  if (reader.optional('STORAGE_PUBLIC_URL') !== undefined) return reader.url('STORAGE_PUBLIC_URL', '', ['http:', 'https:']);
  if (!isLoopback(edge.host))
    reader.problem('STORAGE_PUBLIC_URL', 'is not set', 'the URL by which other machines reach the STORAGE_HTTP_PORT');
  return null;
}
