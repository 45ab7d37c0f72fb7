import type { EnvReader } from '@cloudscan/config';
import type { LicensePolicy } from '../../license/policy.ts';
import { readLicensePolicy } from '../../license/settings.ts';
import { readMemoryLimit } from '../tool-environment.ts';

export interface ScancodeSettings {
  readonly policy: LicensePolicy;
  readonly processes: number;
  /** Seconds that one file may take; what takes longer is left out and named. */
  readonly fileTimeout: number;
  readonly memoryLimitMb: number;
}

/**
 * The policy of the built-in licence scanner (`LICENSE_POLICY_ALLOW`, `LICENSE_POLICY_DENY`), `SCANCODE_PROCESSES` (2),
 * `SCANCODE_FILE_TIMEOUT` (seconds, 120) and `SCANCODE_MEMORY_MB` (4096).
 */
export function readScancodeSettings(env: EnvReader): ScancodeSettings {
  return {
    policy: readLicensePolicy(env),
    processes: env.integer('SCANCODE_PROCESSES', 2, { min: 1, max: 256 }),
    fileTimeout: env.integer('SCANCODE_FILE_TIMEOUT', 120, { min: 1, max: 3600 }),
    memoryLimitMb: readMemoryLimit(env, 'SCANCODE_MEMORY_MB', 4096),
  };
}
