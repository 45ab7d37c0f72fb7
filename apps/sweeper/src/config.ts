import { readRedisConfig } from '@cloudscan/cache';
import type { RedisConfig } from '@cloudscan/cache';
import { readAdmissionLimits, readConfig, readSecretOrFile } from '@cloudscan/config';
import type { Endpoint, Environment, EnvReader } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import type { FailureReason } from '@cloudscan/domain';
import { readJobDispatchConfig } from '@cloudscan/job-dispatch';
import type { JobDispatchConfig } from '@cloudscan/job-dispatch';
import type { AdmissionLimits, SweepPolicy } from '@cloudscan/orchestration';
import { AttestationError, parseSigningKey } from '@cloudscan/provenance';
import type { SigningKey } from '@cloudscan/provenance';
import { readStorageClientConfig } from '@cloudscan/storage-client';
import type { StorageClientConfig } from '@cloudscan/storage-client';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';

export interface SweeperConfig {
  readonly logLevel: LogLevel;
  readonly ops: Endpoint;
  readonly database: DatabaseConfig;
  /** Null: events go by PostgreSQL. */
  readonly redis: RedisConfig | null;
  readonly storage: StorageClientConfig;
  readonly jobs: JobDispatchConfig;
  readonly limits: AdmissionLimits;
  readonly policy: SweepPolicy;
  readonly sweepIntervalMs: number;
  readonly collectIntervalMs: number;
  /** After this a pending scan that nobody started has failed. */
  readonly pendingTtlMs: number;
  /** Null: scans get no attestation. */
  readonly attestationKey: SigningKey | null;
  /** Scans whose artifacts are deleted, or that are attested, side by side. */
  readonly concurrency: number;
}

const hourMs = 3_600_000;
/** A platform ends its Jobs itself; only one that does not is ended from here, this much later. */
const deadlineSlackMs = 60_000;
/** A Job that Kueue holds back waits for its turn, as long as its runner's token lasts. */
const queueLimitMs = 24 * hourMs;
/** A sweeper starts no runner. */
const noRunner: readonly string[] = [];

/** @throws ConfigError */
export function loadConfig(env: Environment): SweeperConfig {
  return readConfig(env, (reader) => {
    const jobs = readJobDispatchConfig(reader, noRunner);
    const deadlineMs = jobs.runner.deadlineSeconds * 1000 + deadlineSlackMs;
    return {
      logLevel: readLogLevel(reader),
      ops: { host: reader.string('METRICS_HOST', '127.0.0.1'), port: reader.port('METRICS_PORT', 9090) },
      database: readDatabaseConfig(reader),
      redis: readRedisConfig(reader),
      storage: readStorageClientConfig(reader),
      jobs,
      limits: readAdmissionLimits(reader),
      policy: {
        dispatchGraceMs: seconds(reader, 'SWEEP_DISPATCH_GRACE_SECONDS', 15, 3600),
        endGraceMs: seconds(reader, 'SWEEP_END_GRACE_SECONDS', 3, 3600),
        deadlineMs,
        waitLimitMs: jobs.kind === 'kubernetes' && jobs.kubernetes.pod.queue !== null ? queueLimitMs : deadlineMs,
        blockageGraceMs: readBlockageGraces(reader),
      },
      // What changes is heard of at once; a pass finds what nothing was heard of.
      sweepIntervalMs: seconds(reader, 'SWEEP_INTERVAL_SECONDS', jobs.kind === 'kubernetes' ? 30 : 2, 3600),
      collectIntervalMs: seconds(reader, 'COLLECT_INTERVAL_SECONDS', 30, 86_400),
      pendingTtlMs: reader.integer('PENDING_SCAN_TTL_HOURS', 24, { min: 1, max: 8760 }) * hourMs,
      attestationKey: readAttestationKey(reader),
      concurrency: reader.integer('SWEEPER_CONCURRENCY', 4, { min: 1, max: 1000 }),
    };
  });
}

/** How long a Job may be unable to start, by what it would fail with: a cluster that grows takes minutes to find a place. */
function readBlockageGraces(reader: EnvReader): (reason: FailureReason) => number {
  const imagePullMs = seconds(reader, 'IMAGE_PULL_GRACE_SECONDS', 120, 86_400);
  const unschedulableMs = seconds(reader, 'UNSCHEDULABLE_GRACE_SECONDS', 300, 86_400);
  const startErrorMs = seconds(reader, 'START_ERROR_GRACE_SECONDS', 60, 86_400);
  return (reason) => {
    if (reason === 'image_pull') return imagePullMs;
    return reason === 'unschedulable' || reason === 'quota' ? unschedulableMs : startErrorMs;
  };
}

function readAttestationKey(reader: EnvReader): SigningKey | null {
  const name = 'ATTESTATION_KEY';
  const pem = readSecretOrFile(reader, name);
  if (pem.isEmpty) return null;
  try {
    return parseSigningKey(pem.reveal());
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    reader.problem(name, error.message, 'an Ed25519 private key in PEM, as "openssl genpkey -algorithm ed25519" makes one');
    return null;
  }
}

function seconds(reader: EnvReader, name: string, fallback: number, max: number): number {
  return reader.integer(name, fallback, { min: 1, max }) * 1000;
}
