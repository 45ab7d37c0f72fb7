import path from 'node:path';
import type { EnvReader } from '@cloudscan/config';
import { readMemoryLimit } from '../tool-environment.ts';

export interface TrivySettings {
  /** Whether Trivy may bring its vulnerability database up to date before a scan: the only thing that it needs the network for. */
  readonly update: boolean;
  /** The OCI repository of the database; empty for Trivy's own. */
  readonly repository: string;
  /** Absolute: where the database lies. */
  readonly cacheDir: string;
  readonly memoryLimitMb: number;
}

/**
 * `TRIVY_UPDATE` (false, unless a repository is set), `TRIVY_DB_REPOSITORY` (Trivy's own), `TRIVY_CACHE_DIR` (as Trivy has it: below the
 * user's cache folder) and `TRIVY_MEMORY_MB` (2048).
 */
export function readTrivySettings(env: EnvReader): TrivySettings {
  const repository = env.string('TRIVY_DB_REPOSITORY', '');
  return {
    update: env.boolean('TRIVY_UPDATE', repository !== ''),
    repository,
    cacheDir: readCacheDir(env),
    memoryLimitMb: readMemoryLimit(env, 'TRIVY_MEMORY_MB', 2048),
  };
}

function readCacheDir(env: EnvReader): string {
  const configured = env.optional('TRIVY_CACHE_DIR');
  if (configured !== undefined) {
    if (!path.isAbsolute(configured)) env.problem('TRIVY_CACHE_DIR', `is ${JSON.stringify(configured.slice(0, 60))}`, 'an absolute path');
    return configured;
  }
  const userCache = env.optional('XDG_CACHE_HOME') ?? path.join(env.string('HOME', '/'), '.cache');
  return path.join(userCache, 'trivy');
}
