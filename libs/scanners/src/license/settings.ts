import type { EnvReader } from '@cloudscan/config';
import type { BuiltinSettings } from '../registry.ts';
import { licenseCategories } from './categories.ts';
import { readLicenseExpression } from './license-expression.ts';
import type { LicensePolicy } from './policy.ts';

/** What the licence scanner is told; passes through JSON. */
export type LicenseOptions = LicensePolicy;

/**
 * `LICENSE_POLICY_ALLOW` and `LICENSE_POLICY_DENY`, lists of SPDX identifiers and categories, parted by commas. Both are empty by
 * default.
 */
export function readLicensePolicy(env: EnvReader): LicensePolicy {
  return { allow: readPolicyList(env, 'LICENSE_POLICY_ALLOW'), deny: readPolicyList(env, 'LICENSE_POLICY_DENY') };
}

/** The licence scanner's settings from the environment: {@link readLicensePolicy}. */
export function readLicenseSettings(env: EnvReader): BuiltinSettings {
  const options: LicenseOptions = readLicensePolicy(env);
  return { options };
}

function readPolicyList(env: EnvReader, name: string): string[] {
  const entries = env
    .string(name, '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const wrong = entries.find((entry) => !isKnown(entry));
  if (wrong !== undefined) {
    env.problem(
      name,
      `holds ${JSON.stringify(wrong.slice(0, 60))}`,
      `a comma-separated list of SPDX identifiers and of ${licenseCategories.join(', ')}`,
    );
  }
  return entries;
}

function isKnown(entry: string): boolean {
  if (licenseCategories.some((category) => category === entry.toLowerCase())) return true;
  const license = readLicenseExpression(entry);
  return license !== null && license.node !== null && license.text === entry && !('conjunction' in license.node);
}
