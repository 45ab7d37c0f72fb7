import { tmpdir } from 'node:os';
import type { EnvReader } from '@cloudscan/config';
import { codeScanningLimits } from '@cloudscan/sarif';
import type { SarifLimits } from '@cloudscan/sarif';
import type { LogSpoolOptions } from './log-spool.ts';

export interface ImportConfig {
  readonly spool: LogSpoolOptions;
  readonly limits: SarifLimits;
}

/** The variable that sets each limit of what a log may hold. */
export const limitVariables = {
  maxRuns: 'IMPORT_MAX_RUNS',
  maxResultsPerRun: 'IMPORT_MAX_RESULTS_PER_RUN',
  maxRulesPerRun: 'IMPORT_MAX_RULES_PER_RUN',
  maxExtensionsPerRun: 'IMPORT_MAX_EXTENSIONS_PER_RUN',
} as const satisfies Record<keyof SarifLimits, string>;

/** By default what GitHub code scanning takes, of gzip and of what the log holds. */
export function readImportConfig(reader: EnvReader): ImportConfig {
  const count = (name: string, fallback: number): number => reader.integer(name, fallback, { min: 1, max: 2 ** 31 - 1 });
  const bytes = (name: string, fallback: number): number => reader.integer(name, fallback, { min: 1024, max: Number.MAX_SAFE_INTEGER });
  const limit = (name: keyof SarifLimits): number => count(limitVariables[name], codeScanningLimits[name]);
  return {
    spool: {
      folder: reader.string('IMPORT_TMP_DIR', tmpdir()),
      maxGzipBytes: bytes('IMPORT_MAX_GZIP_BYTES', 10 * 1024 ** 2),
      maxLogBytes: bytes('IMPORT_MAX_LOG_BYTES', 256 * 1024 ** 2),
      maxConcurrent: count('IMPORT_MAX_CONCURRENT', 2),
    },
    limits: {
      maxRuns: limit('maxRuns'),
      maxResultsPerRun: limit('maxResultsPerRun'),
      maxRulesPerRun: limit('maxRulesPerRun'),
      maxExtensionsPerRun: limit('maxExtensionsPerRun'),
    },
  };
}
