import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readRedisConfig } from '@cloudscan/cache';
import type { RedisConfig } from '@cloudscan/cache';
import { readAdmissionLimits, readConfig } from '@cloudscan/config';
import type { Endpoint, Environment } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { readJobDispatchConfig } from '@cloudscan/job-dispatch';
import type { JobDispatchConfig } from '@cloudscan/job-dispatch';
import type { AdmissionLimits } from '@cloudscan/orchestration';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';

export interface DispatcherConfig {
  readonly logLevel: LogLevel;
  readonly ops: Endpoint;
  readonly database: DatabaseConfig;
  /** Null: events go by PostgreSQL. */
  readonly redis: RedisConfig | null;
  readonly jobs: JobDispatchConfig;
  readonly limits: AdmissionLimits;
  /** Jobs that are made side by side. */
  readonly concurrency: number;
  /** Between two looks whether more scans can be admitted. */
  readonly admissionIntervalMs: number;
}

/** A Job in a cluster is one request; on this machine each is a process that starts. */
const defaultConcurrency = { kubernetes: 32, local: 4 } as const;

/** @throws ConfigError */
export function loadConfig(env: Environment): DispatcherConfig {
  return readConfig(env, (reader) => {
    const jobs = readJobDispatchConfig(reader, runnerCommand());
    return {
      logLevel: readLogLevel(reader),
      ops: { host: reader.string('METRICS_HOST', '127.0.0.1'), port: reader.port('METRICS_PORT', 9090) },
      database: readDatabaseConfig(reader),
      redis: readRedisConfig(reader),
      jobs,
      limits: readAdmissionLimits(reader),
      concurrency: reader.integer('DISPATCHER_CONCURRENCY', defaultConcurrency[jobs.kind], { min: 1, max: 1000 }),
      admissionIntervalMs: reader.integer('ADMISSION_INTERVAL_SECONDS', 2, { min: 1, max: 3600 }) * 1000,
    };
  });
}

/** The runner beside this app: its sources when this runs from the sources, otherwise what was built. */
function runnerCommand(): readonly string[] {
  const isSource = extname(import.meta.url) === '.ts';
  const main = fileURLToPath(new URL(isSource ? '../../runner/src/main.ts' : '../../runner/dist/main.js', import.meta.url));
  return [process.execPath, '--disable-warning=ExperimentalWarning', ...(isSource ? ['--conditions=@cloudscan/source'] : []), main];
}
