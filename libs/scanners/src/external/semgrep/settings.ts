import type { EnvReader } from '@cloudscan/config';
import { readMemoryLimit } from '../tool-environment.ts';

export interface SemgrepSettings {
  /** A file, a folder, a URL or a name of the registry, as `--config` takes it; empty for the rules that this package brings. */
  readonly config: string;
  /** Seconds that one rule may take over one file. */
  readonly ruleTimeout: number;
  readonly jobs: number;
  readonly memoryLimitMb: number;
}

/**
 * `SEMGREP_CONFIG` (the package's own rules; a name such as `p/ci` or a URL needs the network), `SEMGREP_RULE_TIMEOUT` (seconds, 10),
 * `SEMGREP_JOBS` (2) and `SEMGREP_MEMORY_MB` (2048).
 */
export function readSemgrepSettings(env: EnvReader): SemgrepSettings {
  return {
    config: env.string('SEMGREP_CONFIG', ''),
    ruleTimeout: env.integer('SEMGREP_RULE_TIMEOUT', 10, { min: 1, max: 3600 }),
    jobs: env.integer('SEMGREP_JOBS', 2, { min: 1, max: 256 }),
    memoryLimitMb: readMemoryLimit(env, 'SEMGREP_MEMORY_MB', 2048),
  };
}
