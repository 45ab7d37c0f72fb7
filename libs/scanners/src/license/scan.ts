import type { BuiltinFinding } from '../builtin/protocol.ts';
import type { BuiltinTask } from '../builtin/run-builtin.ts';
import { normalizeName } from '../inventory/dependency.ts';
import type { Dependency } from '../inventory/dependency.ts';
import { readInventory } from '../inventory/read-inventory.ts';
import { installedPackages } from './installed-packages.ts';
import type { InstalledPackage } from './installed-packages.ts';
import { readLicenseExpression } from './license-expression.ts';
import { findingsOf, maxFilesKept, noPackage, ownLicenses } from './judging.ts';
import type { Judging } from './judging.ts';
import { unknownLicensesFinding } from './license-finding.ts';
import type { LicensedThing } from './license-finding.ts';
import { sourceLicenses } from './own-license.ts';
import type { LicenseOptions } from './settings.ts';

/** The table of categories has no version of its own. */
export function rulesVersion(): string {
  return '';
}

/**
 * A finding for each dependency, and for each licence in the repository's own files, that asks for more than notices. The
 * repository's own licence is a finding only when the policy denies it: whoever carries the same adds no obligation.
 */
export async function* scan({ sourceDir, options, progress, remark }: BuiltinTask<LicenseOptions>): AsyncGenerator<BuiltinFinding, void> {
  const { root, others } = await gatherSourceLicenses(sourceDir);
  const judging: Judging = { policy: options, own: ownLicenses(root) };
  for (const thing of [...root, ...others]) yield* findingsOf(thing, judging);
  progress(0.4);
  const installed = await gatherInstalled(sourceDir);
  progress(0.8);
  const locked = new Set<string>();
  const problems: string[] = [];
  for await (const { filePath, dependencies, warnings } of readInventory(sourceDir)) {
    problems.push(...warnings);
    const packages = new Map<string, Dependency>();
    for (const dependency of dependencies) if (!packages.has(keyOf(dependency))) packages.set(keyOf(dependency), dependency);
    const unknown: string[] = [];
    for (const [key, dependency] of packages) {
      locked.add(key);
      const license = dependency.license || (installed.get(key)?.license ?? '');
      if (readLicenseExpression(license) === null) unknown.push(`${dependency.name} ${dependency.version}`);
      else yield* findingsOf(packageThing({ ...dependency, license }), judging);
    }
    if (unknown.length > 0) yield unknownLicensesFinding(filePath, unknown, packages.size);
  }
  if (problems.length > 0) remark(`problems with lock files: ${problems.length}, the first: ${problems[0]}`);
  // What is installed and no lock file names is used all the same.
  for (const [key, item] of installed) {
    if (!locked.has(key)) yield* findingsOf(packageThing({ ...item, line: 1, direct: null, dev: null }), judging);
  }
}

/** The files' licences, each licence once, at the first file that states it. */
async function gatherSourceLicenses(
  sourceDir: string,
): Promise<{ readonly root: readonly LicensedThing[]; readonly others: readonly LicensedThing[] }> {
  const root = new Map<string, LicensedThing & { readonly otherFiles: string[] }>();
  const others: typeof root = new Map();
  for await (const { license, filePath, line, scope } of sourceLicenses(sourceDir)) {
    const things = scope === 'root' ? root : others;
    const known = things.get(license);
    if (known === undefined) things.set(license, { ...noPackage, license, filePath, line, otherFiles: [] });
    else if (known.otherFiles.length < maxFilesKept) known.otherFiles.push(filePath);
  }
  return { root: [...root.values()], others: [...others.values()] };
}

async function gatherInstalled(sourceDir: string): Promise<ReadonlyMap<string, InstalledPackage>> {
  const installed = new Map<string, InstalledPackage>();
  for await (const item of installedPackages(sourceDir)) {
    const key = keyOf(item);
    if ((installed.get(key)?.license ?? '') === '') installed.set(key, item);
  }
  return installed;
}

function packageThing({ name, version, ...rest }: Dependency): LicensedThing {
  return { ...rest, packageName: name, packageVersion: version, otherFiles: [] };
}

function keyOf({ ecosystem, name, version }: Pick<Dependency, 'ecosystem' | 'name' | 'version'>): string {
  return `${ecosystem}\t${normalizeName(ecosystem, name)}\t${version}`;
}
