import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent } from './dependency.ts';
import { parseYaml, yamlMap, yamlText } from './parse.ts';
import type { YamlMap } from './parse.ts';

/**
 * pnpm-lock.yaml, versions 5 to 9 (https://github.com/pnpm/spec/tree/master/lockfile). A file may hold several
 * documents: pnpm keeps the lock of its own configuration in front of the project's.
 *
 * @throws LockFileError
 */
export function readPnpmLock(text: string): LockFileContent {
  const documents = parseYaml(text).map(yamlMap);
  if (!documents.some((document) => document.has('lockfileVersion')))
    throw new LockFileError('is not a pnpm lock file: it has no "lockfileVersion"');
  return { entries: documents.flatMap(readDocument), warnings: [] };
}

function readDocument(document: YamlMap): DependencyEntry[] {
  const majorVersion = Number.parseInt(yamlText(document.get('lockfileVersion')?.value), 10);
  const direct = directDependencies(document, majorVersion);
  const entries: DependencyEntry[] = [];
  for (const [key, { value, line }] of yamlMap(document.get('packages')?.value)) {
    const item = yamlMap(value);
    const parsed = parsePackageKey(key, majorVersion);
    const name = yamlText(item.get('name')?.value) || parsed?.name || '';
    const version = yamlText(item.get('version')?.value) || parsed?.version || '';
    if (name === '' || !/^\d/.test(version)) continue;
    const directDev = direct.get(`${name}@${version}`);
    const dev = item.get('dev')?.value;
    entries.push(
      dependencyEntry(
        { ecosystem: 'npm', name, version, line },
        { direct: directDev !== undefined, dev: dev === undefined ? (directDev ?? null) : dev === 'true' },
      ),
    );
  }
  return entries;
}

/** `name@version` of each direct dependency, with whether it is one of development only. */
function directDependencies(document: YamlMap, majorVersion: number): ReadonlyMap<string, boolean> {
  const importers = document.has('importers')
    ? [...yamlMap(document.get('importers')?.value).values()].map(({ value }) => yamlMap(value))
    : [document];
  const direct = new Map<string, boolean>();
  for (const importer of importers) {
    for (const kind of ['dependencies', 'optionalDependencies', 'devDependencies']) {
      for (const [name, { value }] of yamlMap(importer.get(kind)?.value)) {
        const reference = yamlText(value) || yamlText(yamlMap(value).get('version')?.value);
        const resolved = parsePackageKey(reference, majorVersion) ?? { name, version: withoutPeers(reference) };
        const id = `${resolved.name}@${resolved.version}`;
        direct.set(id, kind === 'devDependencies' && (direct.get(id) ?? true));
      }
    }
  }
  return direct;
}

/**
 * `/name/1.0.0_peers` before version 6, `/name@1.0.0(peers)` in version 6, `name@1.0.0` since version 9; a host in
 * front is a registry. Null for what is none of them: a link, a URL, a bare version.
 */
function parsePackageKey(key: string, majorVersion: number): { readonly name: string; readonly version: string } | null {
  const pattern = majorVersion < 6 ? /^[^/]*\/((?:@[^/]+\/)?[^/@]+)\/([^/]+)$/ : /^(?:[^@/]*\/)?((?:@[^/@]+\/)?[^/@]+)@(.+)$/;
  const match = pattern.exec(key.replace(/\(.*$/s, ''));
  return match === null ? null : { name: match[1]!, version: withoutPeers(match[2]!) };
}

function withoutPeers(version: string): string {
  return version.replace(/[(_].*$/s, '');
}
