import { isLoopback, readConfig, readUnguardedAddress } from '@cloudscan/config';
import type { Endpoint, Environment, EnvReader, Secret } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import type { S3StoreOptions } from '@cloudscan/object-store';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';

export interface StorageConfig {
  readonly logLevel: LogLevel;
  readonly grpc: Endpoint;
  readonly ops: Endpoint;
  readonly database: DatabaseConfig;
  readonly backend: BackendConfig;
  readonly maxUploadBytes: number;
  /** How long an artifact lives once it was uploaded. */
  readonly retentionMs: number;
  readonly collector: CollectorConfig;
}

/** Where the bytes lie. */
export type BackendConfig = ({ readonly kind: 'filesystem' } & FilesystemConfig) | ({ readonly kind: 's3' } & S3StoreOptions);

export interface FilesystemConfig {
  readonly dataDir: string;
  readonly signingKey: Secret;
  /** Where bytes come and go. */
  readonly edge: Endpoint;
  /** Where clients reach the edge; null: on this machine, at the port in use. */
  readonly publicUrl: string | null;
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
    return {
      logLevel: readLogLevel(reader),
      grpc: readUnguardedAddress(reader, { host: 'STORAGE_GRPC_HOST', port: 'STORAGE_GRPC_PORT' }, 8082),
      ops: { host: reader.string('METRICS_HOST', '127.0.0.1'), port: reader.port('METRICS_PORT', 9090) },
      database: readDatabaseConfig(reader),
      backend: readBackend(reader),
      maxUploadBytes: reader.integer('STORAGE_MAX_UPLOAD_BYTES', 5 * 1024 ** 3, { min: 1, max: Number.MAX_SAFE_INTEGER }),
      retentionMs: (reader.integer('RETENTION_DAYS', 90, { min: 1, max: 36_500 }) + retentionSlackDays) * dayMs,
      collector: {
        intervalMs: reader.integer('STORAGE_COLLECT_INTERVAL_SECONDS', 600, { min: 1, max: 86_400 }) * 1000,
        graceMs: reader.integer('STORAGE_COLLECT_GRACE_SECONDS', 3600, { min: 0, max: 604_800 }) * 1000,
      },
    };
  });
}

function readBackend(reader: EnvReader): BackendConfig {
  const kind = reader.oneOf('STORAGE_BACKEND', ['filesystem', 's3'], 'filesystem');
  return kind === 's3' ? { kind, ...readS3(reader) } : { kind, ...readFilesystem(reader) };
}

function readFilesystem(reader: EnvReader): FilesystemConfig {
  const edge = { host: reader.string('STORAGE_HTTP_HOST', '127.0.0.1'), port: reader.port('STORAGE_HTTP_PORT', 8083) };
  return {
    dataDir: reader.required('STORAGE_DATA_DIR', 'the folder that keeps the uploaded files'),
    signingKey: readSigningKey(reader),
    edge,
    publicUrl: readPublicUrl(reader, edge),
  };
}

/** S3, or what speaks like it under an endpoint of its own: MinIO, Ceph, R2. */
function readS3(reader: EnvReader): S3StoreOptions {
  const endpoint = readEndpointUrl(reader, 'S3_ENDPOINT');
  return {
    bucket: reader.required('S3_BUCKET', 'the bucket that keeps the uploaded files; it must exist'),
    region: reader.string('S3_REGION', 'us-east-1'),
    endpoint,
    publicEndpoint: readEndpointUrl(reader, 'S3_PUBLIC_ENDPOINT') ?? endpoint,
    forcePathStyle: reader.boolean('S3_FORCE_PATH_STYLE', endpoint !== null),
    credentials: readS3Credentials(reader),
    serverSideEncryption:
      reader.optional('S3_SERVER_SIDE_ENCRYPTION') === undefined
        ? null
        : reader.oneOf('S3_SERVER_SIDE_ENCRYPTION', ['AES256', 'aws:kms'], 'AES256'),
    kmsKeyId: reader.optional('S3_KMS_KEY_ID') ?? null,
  };
}

function readEndpointUrl(reader: EnvReader, name: string): string | null {
  return reader.optional(name) === undefined ? null : reader.url(name, '', ['http:', 'https:']);
}

/** Null where the platform gives them: a role of the pod, a profile of the machine. */
function readS3Credentials(reader: EnvReader): S3StoreOptions['credentials'] {
  const accessKeyId = reader.optional('S3_ACCESS_KEY_ID');
  const secretAccessKey = reader.secret('S3_SECRET_ACCESS_KEY');
  if (accessKeyId === undefined && secretAccessKey.isEmpty) return null;
  if (accessKeyId === undefined) reader.required('S3_ACCESS_KEY_ID', 'the id that belongs to S3_SECRET_ACCESS_KEY, or neither of them');
  if (secretAccessKey.isEmpty) reader.required('S3_SECRET_ACCESS_KEY', 'the secret that belongs to S3_ACCESS_KEY_ID, or neither of them');
  return { accessKeyId: accessKeyId ?? '', secretAccessKey };
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
