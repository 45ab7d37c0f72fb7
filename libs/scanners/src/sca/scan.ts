import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { NothingToScan } from '../builtin/run-builtin.ts';
import type { BuiltinTask } from '../builtin/run-builtin.ts';
import type { BuiltinFinding } from '../builtin/protocol.ts';
import { normalizeName } from '../inventory/dependency.ts';
import type { Dependency } from '../inventory/dependency.ts';
import { readInventory } from '../inventory/read-inventory.ts';
import type { AdvisorySource, PackageVersion } from './advisory-source.ts';
import { apiSource } from './api-source.ts';
import { diskSource } from './disk-source.ts';
import { lockFileFinding } from './lock-file-finding.ts';
import { mergeAliases } from './merge.ts';
import { scaFinding } from './sca-finding.ts';
import type { ScaOptions } from './settings.ts';

/** Characters; what is longer is no name or version of any registry, and OSV refuses the whole batch for it. */
const maxNameLength = 300;

/** What the advisories are of: the server's origin, or the set's name. */
export function rulesVersion({ source }: ScaOptions): string {
  const location = locationOf(source);
  return location === null ? new URL(source).origin : path.basename(location);
}

/** A finding for each known vulnerability of each dependency, and one for each lock file that could not be read whole. */
export async function* scan({
  sourceDir,
  workDir,
  options,
  progress,
  remark,
}: BuiltinTask<ScaOptions>): AsyncGenerator<BuiltinFinding, void> {
  const places = new Map<string, { readonly item: PackageVersion; readonly dependencies: Dependency[] }>();
  let lockFiles = 0;
  for await (const { filePath, dependencies, warnings } of readInventory(sourceDir)) {
    lockFiles += 1;
    for (const warning of warnings) yield lockFileFinding(filePath, warning);
    for (const dependency of dependencies) addPlace(places, dependency);
  }
  if (lockFiles === 0) throw new NothingToScan('no lock file was found');
  const source = openSource(options, workDir, remark);
  const packages = [...places.values()].map(({ item }) => item);
  progress(0.1);
  if (packages.length === 0) return;
  for await (const { package: item, advisories } of source.advisoriesFor(packages, (fraction) => progress(0.1 + 0.9 * fraction))) {
    const vulnerabilities = mergeAliases(advisories);
    for (const dependency of places.get(keyOf(item))!.dependencies) {
      for (const vulnerability of vulnerabilities) yield scaFinding(dependency, item, vulnerability);
    }
  }
}

/** A package that a lock file names several times at one version is one dependency, at its first line. */
function addPlace(
  places: Map<string, { readonly item: PackageVersion; readonly dependencies: Dependency[] }>,
  dependency: Dependency,
): void {
  const { ecosystem, name, version, filePath } = dependency;
  if (name.length > maxNameLength || version.length > maxNameLength) return;
  const item: PackageVersion = { ecosystem, name: normalizeName(ecosystem, name), version };
  const place = places.get(keyOf(item));
  if (place === undefined) places.set(keyOf(item), { item, dependencies: [dependency] });
  else if (!place.dependencies.some((other) => other.filePath === filePath)) place.dependencies.push(dependency);
}

function keyOf({ ecosystem, name, version }: PackageVersion): string {
  return `${ecosystem}\t${name}\t${version}`;
}

function openSource(options: ScaOptions, workDir: string, remark: (sentence: string) => void): AdvisorySource {
  const cacheDir = options.cacheDir === '' ? path.join(workDir, 'advisories') : options.cacheDir;
  const location = locationOf(options.source);
  if (location !== null) return diskSource({ location, cacheDir, remark });
  const { cacheTtlMs, timeoutMs, retryDelayMs } = options;
  return apiSource({ baseUrl: options.source, cacheDir, cacheTtlMs, timeoutMs, retryDelayMs });
}

/** The path of a set on disk; null for a server. */
function locationOf(source: string): string | null {
  if (source.startsWith('file:')) return fileURLToPath(source);
  return path.isAbsolute(source) ? source : null;
}
