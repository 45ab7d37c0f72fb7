import path from 'node:path';
import type { EnvReader } from '@cloudscan/config';
import { readMemoryLimit } from '../tool-environment.ts';

export interface TrufflehogSettings {
  /** Whether TruffleHog tries each credential with its service, which needs the network and tells the service that it was found. */
  readonly verify: boolean;
  /** Absolute path of a configuration with further detectors; empty for none. */
  readonly config: string;
  readonly memoryLimitMb: number;
}

/** `TRUFFLEHOG_VERIFY` (false), `TRUFFLEHOG_CONFIG` (none) and `TRUFFLEHOG_MEMORY_MB` (2048). */
export function readTrufflehogSettings(env: EnvReader): TrufflehogSettings {
  const config = env.string('TRUFFLEHOG_CONFIG', '');
  if (config !== '' && !path.isAbsolute(config)) {
    env.problem('TRUFFLEHOG_CONFIG', `is ${JSON.stringify(config.slice(0, 60))}`, 'an absolute path');
  }
  return {
    verify: env.boolean('TRUFFLEHOG_VERIFY', false),
    config,
    memoryLimitMb: readMemoryLimit(env, 'TRUFFLEHOG_MEMORY_MB', 2048),
  };
}
