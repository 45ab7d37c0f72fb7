import { ConfigError, readConfig } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import type { RetentionPolicy } from '@cloudscan/orchestration';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';

export interface CleanerConfig {
  readonly logLevel: LogLevel;
  readonly database: DatabaseConfig;
  readonly policy: RetentionPolicy;
  /** Only tells what would be done. */
  readonly isDryRun: boolean;
}

const dayMs = 86_400_000;

/**
 * @param args of the command line
 * @throws ConfigError
 */
export function loadConfig(env: Environment, args: readonly string[] = []): CleanerConfig {
  const unknown = args.find((arg) => arg !== '--dry-run');
  if (unknown !== undefined) throw new ConfigError([`the argument is ${JSON.stringify(unknown)}; only --dry-run is one`]);
  return readConfig(env, (reader) => ({
    logLevel: readLogLevel(reader),
    database: readDatabaseConfig(reader),
    policy: {
      retentionMs: reader.integer('RETENTION_DAYS', 90, { min: 1, max: 36_500 }) * dayMs,
      batchSize: reader.integer('CLEANER_BATCH_SIZE', 500, { min: 1, max: 10_000 }),
      pauseMs: reader.integer('CLEANER_PAUSE_MS', 100, { min: 0, max: 60_000 }),
    },
    isDryRun: args.includes('--dry-run'),
  }));
}
