import { severities, severityRank } from '@cloudscan/domain';
import type { Severity } from '@cloudscan/domain';
import type { BuiltinFinding } from '../builtin/protocol.ts';
import { readLicenseExpression } from './license-expression.ts';
import { licenseFinding } from './license-finding.ts';
import type { LicensedThing } from './license-finding.ts';
import { judge } from './policy.ts';
import type { LicensePolicy, LicenseVerdict } from './policy.ts';

/** Files in which one licence stands that are kept: enough for the finding, bounded for a large source. */
export const maxFilesKept = 1000;

/** Of a licence that stands in the repository's own files. */
export const noPackage = { packageName: '', packageVersion: '', ecosystem: '', direct: null, dev: null } as const;

export interface Judging {
  readonly policy: LicensePolicy;
  /** The repository's own licences, see {@link ownLicenses}. */
  readonly own: ReadonlySet<string>;
}

/** @param root what the repository says of itself */
export function ownLicenses(root: readonly Pick<LicensedThing, 'license'>[]): ReadonlySet<string> {
  return new Set(root.map(({ license }) => withoutVersionSuffix(license)));
}

/** None, or the one finding that a licence is by the policy. */
export function* findingsOf(thing: LicensedThing, { policy, own }: Judging): Generator<BuiltinFinding, void> {
  const stated = readLicenseExpression(thing.license);
  if (stated === null) return;
  const verdict = judge(stated, policy);
  if (!isFinding(verdict, stated.text, own)) return;
  const severity = thing.dev === true && verdict.decision === 'by_category' ? milder(verdict.severity) : verdict.severity;
  yield licenseFinding({ ...thing, license: stated.text }, { ...verdict, severity });
}

/** Whether a verdict asks for more than the repository's own licence does. */
export function isFinding(
  verdict: LicenseVerdict,
  license: string,
  own: ReadonlySet<string>,
): verdict is LicenseVerdict & { readonly severity: Severity } {
  return verdict.severity !== null && !(verdict.decision === 'by_category' && own.has(withoutVersionSuffix(license)));
}

/** What only development needs is not distributed: one step less severe. */
function milder(severity: Severity): Severity {
  return severities[Math.min(severityRank(severity) + 1, severities.length - 1)]!;
}

/** A licence text cannot tell `-only` from `-or-later`, so the repository's own matches both. */
function withoutVersionSuffix(license: string): string {
  return license.replace(/-(only|or-later)\b/g, '');
}
