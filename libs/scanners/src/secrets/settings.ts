import type { Secret } from '@cloudscan/config';
import type { BuiltinSettings } from '../registry.ts';
import type { SecretsOptions } from './scan.ts';

/** @param hashKey the deployment's key for hashes of secrets: another key makes every known finding a new one */
export function secretsSettings(hashKey: Secret): BuiltinSettings {
  return { options: { hashKey: hashKey.reveal() } satisfies SecretsOptions };
}
