import path from 'node:path';
import type { EnvReader } from '@cloudscan/config';
import { readMemoryLimit } from '../tool-environment.ts';

export interface GitleaksSettings {
  /** Absolute path of a configuration; empty for the rules that gitleaks brings. A configuration in the source is never read. */
  readonly config: string;
  readonly memoryLimitMb: number;
}

/** `GITLEAKS_CONFIG` (gitleaks' own rules) and `GITLEAKS_MEMORY_MB` (1024). */
export function readGitleaksSettings(env: EnvReader): GitleaksSettings {
  const config = env.string('GITLEAKS_CONFIG', '');
  if (config !== '' && !path.isAbsolute(config)) {
    env.problem('GITLEAKS_CONFIG', `is ${JSON.stringify(config.slice(0, 60))}`, 'an absolute path');
  }
  return { config, memoryLimitMb: readMemoryLimit(env, 'GITLEAKS_MEMORY_MB', 1024) };
}
