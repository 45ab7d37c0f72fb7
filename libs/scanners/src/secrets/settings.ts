import { randomBytes } from 'node:crypto';
import type { EnvReader } from '@cloudscan/config';
import type { BuiltinSettings } from '../registry.ts';
import type { SecretsOptions } from './scan.ts';

const drawn = randomBytes(32).toString('hex');

/**
 * `SECRET_HASH_KEY`, the deployment's key for hashes of what was found. Another key makes every known finding a new one; so does none, for
 * one is drawn then, the same for every tool of this process.
 */
export function readSecretHashKey(env: EnvReader): string {
  return env.string('SECRET_HASH_KEY', drawn);
}

/** The secrets scanner's settings from the environment: {@link readSecretHashKey}. */
export function readSecretsSettings(env: EnvReader): BuiltinSettings {
  const options: SecretsOptions = { hashKey: readSecretHashKey(env) };
  return { options };
}
