import { randomBytes } from 'node:crypto';
import type { EnvReader } from '@cloudscan/config';
import type { BuiltinSettings } from '../registry.ts';
import type { SecretsOptions } from './scan.ts';

/**
 * The secrets scanner's settings from the environment: `SECRET_HASH_KEY`, the deployment's key for hashes of what was found.
 * Another key makes every known finding a new one; so does none, for one is drawn then.
 */
export function readSecretsSettings(env: EnvReader): BuiltinSettings {
  const options: SecretsOptions = { hashKey: env.string('SECRET_HASH_KEY', '') || randomBytes(32).toString('hex') };
  return { options };
}
