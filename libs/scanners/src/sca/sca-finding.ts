import { severityRank } from '@cloudscan/domain';
import type { BuiltinFinding } from '../builtin/protocol.ts';
import type { Dependency } from '../inventory/dependency.ts';
import { fingerprintOf } from '../source/fingerprint.ts';
import type { PackageVersion } from './advisory-source.ts';
import { laterVersion, nearestFix } from './match.ts';
import type { Vulnerability } from './merge.ts';
import type { AffectedPackage } from './osv.ts';
import { defaultRating, ratingOf } from './severity.ts';
import type { Rating } from './severity.ts';

const maxReferences = 30;
/** Bytes, of UTF-8. */
const maxRawBytes = 16 * 1024;

/** One vulnerability of one dependency as a finding. */
export function scaFinding(dependency: Dependency, item: PackageVersion, vulnerability: Vulnerability): BuiltinFinding {
  const { advisories, cveId, id, ids } = vulnerability;
  const affected = advisories.flatMap((advisory) => affectedOf(advisory.affected, item));
  const rating = strongest(vulnerability, item);
  const fixedVersion = affected
    .map((range) => nearestFix(range, item.version))
    .reduce((latest, fix) => laterVersion(item.ecosystem, latest, fix), '')
    .replace(/^v/, '');
  const summary = advisories.find((advisory) => advisory.summary !== '')?.summary ?? `known vulnerability ${id}`;
  const details = advisories.find((advisory) => advisory.details !== '')?.details ?? summary;
  const cweIds = [...new Set(advisories.flatMap((advisory) => advisory.cweIds))];
  return {
    ruleId: id,
    ...rating,
    title: `${dependency.name} ${dependency.version}: ${summary}`.slice(0, 500),
    description: details,
    filePath: dependency.filePath,
    startLine: dependency.line,
    endLine: dependency.line,
    cveId,
    cweId: cweIds[0] ?? '',
    packageName: dependency.name,
    packageVersion: dependency.version,
    fixedVersion,
    license: dependency.license,
    remediation: remediation(dependency, fixedVersion),
    references: [...new Set([...ids.map(pageOf), ...advisories.flatMap(({ references }) => references)])].slice(0, maxReferences),
    rawOutput: rawOutput(dependency, vulnerability, cweIds),
    // Without the line, which moves with every other dependency, and without what advisories say, which changes with time.
    fingerprint: fingerprintOf({
      ruleId: id,
      filePath: dependency.filePath,
      text: `${item.ecosystem} ${item.name} ${item.version}`,
      occurrence: 0,
    }),
  };
}

function affectedOf(affected: readonly AffectedPackage[], { ecosystem, name }: PackageVersion): AffectedPackage[] {
  return affected.filter((candidate) => candidate.ecosystem === ecosystem && candidate.name === name);
}

/** The most severe of what the records say: databases that disagree must not hide the worse. */
function strongest({ advisories, ids }: Vulnerability, item: PackageVersion): Rating {
  const ratings = advisories.flatMap((advisory) => ratingOf(advisory, affectedOf(advisory.affected, item)) ?? []);
  const order = (a: Rating, b: Rating): number => severityRank(a.severity) - severityRank(b.severity) || b.cvssScore - a.cvssScore;
  return ratings.sort(order)[0] ?? defaultRating(ids);
}

/** What to do about a vulnerable package; `fixedVersion` is empty where there is none. */
export function remediation(
  { ecosystem, name, direct }: Pick<Dependency, 'name' | 'direct'> & { readonly ecosystem: string },
  fixedVersion: string,
): string {
  if (fixedVersion === '') return `No fixed version of ${name} is known. Replace it, or make sure that the affected part is not used.`;
  const isStandardLibrary = ecosystem === 'Go' && name === 'stdlib';
  const upgrade = isStandardLibrary ? `Upgrade Go to ${fixedVersion} or later.` : `Upgrade ${name} to ${fixedVersion} or later.`;
  return direct === false ? `${upgrade} It is an indirect dependency: upgrading what requires it may be needed.` : upgrade;
}

function pageOf(id: string): string {
  return `https://osv.dev/vulnerability/${encodeURIComponent(id)}`;
}

function rawOutput(dependency: Dependency, { advisories, ids }: Vulnerability, cweIds: readonly string[]): string {
  const { direct, dev, ecosystem } = dependency;
  const records = advisories.map(({ id, modified, affected, severity, severityLabel }) => ({
    id,
    modified,
    severity,
    severityLabel,
    ranges: affected.flatMap(({ ranges }) => ranges),
  }));
  const full = JSON.stringify({ ecosystem, direct, dev, ids, cweIds, records });
  if (Buffer.byteLength(full) <= maxRawBytes) return full;
  return JSON.stringify({ ecosystem, direct, dev, ids: ids.slice(0, 100), cweIds, truncated: true });
}
