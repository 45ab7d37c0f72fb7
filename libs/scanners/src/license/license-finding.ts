import type { BuiltinFinding } from '../builtin/protocol.ts';
import { fingerprintOf } from '../source/fingerprint.ts';
import type { LicenseCategory } from './categories.ts';
import type { LicenseVerdict } from './policy.ts';

/** Who carries the licence and where that stands. */
export interface LicensedThing {
  readonly license: string;
  /** A package and its version, or empty for the repository's own files. */
  readonly packageName: string;
  readonly packageVersion: string;
  readonly ecosystem: string;
  readonly filePath: string;
  readonly line: number;
  /** Where else the same stands; the first few are named. */
  readonly otherFiles: readonly string[];
  readonly direct: boolean | null;
  readonly dev: boolean | null;
}

const maxFilesNamed = 20;

const obligations: Readonly<Record<LicenseCategory, string>> = {
  permissive: 'asks for its notices to be kept.',
  'weak-copyleft': 'asks for changes to the licensed part itself to be published under the same licence.',
  unknown: 'is not known to this scanner, so what it asks for is not either.',
  proprietary: 'restricts use: it may need a permission that the project does not have.',
  'strong-copyleft': 'asks for the whole work to be published under the same licence once it is distributed.',
  'network-copyleft': 'asks for the whole work to be published under the same licence once it is distributed or offered over a network.',
};

/** A verdict that is a finding, as one. */
export function licenseFinding(
  thing: LicensedThing,
  { category, decision, severity }: LicenseVerdict & { readonly severity: BuiltinFinding['severity'] },
): BuiltinFinding {
  const { license, packageName, packageVersion, ecosystem, filePath, line, otherFiles, direct, dev } = thing;
  const ruleId = decision === 'denied' ? 'license-denied' : `license-${category}`;
  const subject = packageName === '' ? filePath : `${packageName} ${packageVersion}`;
  const why = decision === 'denied' ? 'is denied by the policy (LICENSE_POLICY_DENY)' : obligations[category].replace(/\.$/, '');
  const others =
    otherFiles.length === 0
      ? ''
      : ` It stands in ${otherFiles.length} more files: ${otherFiles.slice(0, maxFilesNamed).join(', ')}${otherFiles.length > maxFilesNamed ? ', …' : ''}.`;
  return {
    ruleId,
    severity,
    title: `${subject}: ${license} (${decision === 'denied' ? 'denied' : category.replace('-', ' ')})`,
    description: `The licence ${license} of ${subject} ${why}.${dev === true ? ' Only development needs the package.' : ''}${others}`,
    filePath,
    startLine: line,
    endLine: line,
    packageName,
    packageVersion,
    license,
    licenseCategory: category,
    remediation:
      'Check whether the project meets the obligations; if not, replace what carries the licence. What is accepted goes into LICENSE_POLICY_ALLOW.',
    references: /^(?!LicenseRef-)[A-Za-z0-9.+-]+$/.test(license) ? [`https://spdx.org/licenses/${license}.html`] : [],
    rawOutput: JSON.stringify({ category, decision, ecosystem, direct, dev }),
    fingerprint: fingerprintOf({
      ruleId: `license ${license}`,
      filePath,
      text: `${ecosystem} ${packageName} ${packageVersion}`,
      occurrence: 0,
    }),
  };
}

/** That some packages of a lock file carry no licence anywhere in the tree: one finding for all of them. */
export function unknownLicensesFinding(filePath: string, unknown: readonly string[], total: number): BuiltinFinding {
  const ruleId = 'license-not-stated';
  return {
    ruleId,
    severity: 'info',
    title: `The licences of ${unknown.length} of ${total} packages in ${filePath} are not known`,
    description: `Neither the lock file nor an installed package in the source states them: ${unknown.slice(0, maxFilesNamed).join(', ')}${unknown.length > maxFilesNamed ? ', …' : ''}.`,
    filePath,
    startLine: 1,
    remediation: 'Scan the source with its packages installed or vendored, or use a lock file that states licences.',
    fingerprint: fingerprintOf({ ruleId, filePath, text: '', occurrence: 0 }),
  };
}
