import { readRedisConfig } from '@cloudscan/cache';
import type { RedisConfig } from '@cloudscan/cache';
import { readAdmissionLimits, readConfig, readUnguardedAddress } from '@cloudscan/config';
import type { Endpoint, EnvReader, Environment } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { AttestationError, formatVerificationKey, parseVerificationKeys } from '@cloudscan/provenance';
import { gitProtocols } from '@cloudscan/orchestration';
import type { ScanPolicy } from '@cloudscan/orchestration';
import { readStorageClientConfig } from '@cloudscan/storage-client';
import type { StorageClientConfig } from '@cloudscan/storage-client';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';
import { readImportConfig } from './import/config.ts';
import type { ImportConfig } from './import/config.ts';

export interface ApiGrpcConfig {
  readonly logLevel: LogLevel;
  readonly grpc: Endpoint;
  readonly ops: Endpoint;
  /** Bytes of one message, in either direction. */
  readonly maxMessageBytes: number;
  /** Milliseconds that a unary call may take whose caller set no deadline. */
  readonly defaultDeadlineMs: number;
  readonly database: DatabaseConfig;
  /** Null: cache in memory, events by PostgreSQL. */
  readonly redis: RedisConfig | null;
  readonly storage: StorageClientConfig;
  readonly imports: ImportConfig;
  readonly policy: ScanPolicy;
}

/** @throws ConfigError */
export function loadConfig(env: Environment): ApiGrpcConfig {
  return readConfig(env, (reader) => ({
    logLevel: readLogLevel(reader),
    grpc: readUnguardedAddress(reader, { host: 'GRPC_HOST', port: 'GRPC_PORT' }, 9999),
    ops: { host: reader.string('METRICS_HOST', '127.0.0.1'), port: reader.port('METRICS_PORT', 9090) },
    maxMessageBytes: reader.integer('GRPC_MAX_MESSAGE_BYTES', 16 * 1024 * 1024, { min: 64 * 1024, max: 2 ** 31 - 1 }),
    defaultDeadlineMs: reader.integer('GRPC_DEFAULT_DEADLINE_MS', 60_000, { min: 100, max: 3_600_000 }),
    database: readDatabaseConfig(reader),
    redis: readRedisConfig(reader),
    storage: readStorageClientConfig(reader),
    imports: readImportConfig(reader),
    policy: readScanPolicy(reader),
  }));
}

function readScanPolicy(reader: EnvReader): ScanPolicy {
  return {
    limits: readAdmissionLimits(reader),
    maxAttempts: reader.integer('JOB_BACKOFF_LIMIT', 1, { min: 0, max: 100 }) + 1,
    autoStart: reader.boolean('SCAN_AUTO_START', false),
    partialResults: reader.oneOf('SCAN_PARTIAL_RESULTS', ['complete', 'fail'], 'complete'),
    attestationKeys: readAttestationKeys(reader),
    gitProtocols: reader.list('GIT_ALLOWED_PROTOCOLS', gitProtocols, ['https', 'ssh']),
    maxSourceBytes: reader.integer('SOURCE_MAX_BYTES', 5 * 1024 ** 3, { min: 1, max: Number.MAX_SAFE_INTEGER }),
    importedResultsPerRun: reader.integer('IMPORT_KEPT_RESULTS_PER_RUN', 5000, { min: 1, max: 2 ** 31 - 1 }),
    watchPollMs: reader.integer('WATCH_POLL_MS', 5000, { min: 10, max: 600_000 }),
  };
}

function readAttestationKeys(reader: EnvReader): readonly string[] {
  const name = 'ATTESTATION_PUBLIC_KEYS';
  const pem = reader.optional(name);
  if (pem === undefined) return [];
  try {
    return parseVerificationKeys(pem).map(formatVerificationKey);
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    reader.problem(name, error.message, 'Ed25519 public keys in PEM, one after the other, as openssl pkey -pubout writes them');
    return [];
  }
}
