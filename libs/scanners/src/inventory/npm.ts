import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent } from './dependency.ts';
import { linesOfJson, pathSeparator } from './json-lines.ts';
import { parseJson } from './parse.ts';
import { asRecord, asText, field, fields } from './untrusted.ts';

const folder = 'node_modules/';
const maxDepth = 64;

/**
 * package-lock.json and npm-shrinkwrap.json, versions 1 to 3
 * (https://docs.npmjs.com/cli/configuring-npm/package-lock-json).
 *
 * @throws LockFileError
 */
export function readPackageLock(text: string): LockFileContent {
  const lock = parseJson(text);
  const packages = asRecord(field(lock, 'packages'));
  if (packages !== null) return { entries: readPackages(text, packages), warnings: [] };
  if (asRecord(field(lock, 'dependencies')) !== null) return { entries: readNested(text, lock), warnings: [] };
  if (typeof field(lock, 'lockfileVersion') === 'number') return { entries: [], warnings: [] };
  throw new LockFileError('is not an npm lock file: it has neither "packages" nor "dependencies"');
}

/** Versions 2 and 3: one flat map from the installation path to the package. */
function readPackages(text: string, packages: Readonly<Record<string, unknown>>): DependencyEntry[] {
  const lines = linesOfJson(text, 2);
  const direct = new Set<string>();
  for (const [path, entry] of fields(packages)) {
    if (!path.includes(folder)) for (const name of declaredNames(entry)) direct.add(name);
  }
  const entries: DependencyEntry[] = [];
  for (const [path, entry] of fields(packages)) {
    const at = path.lastIndexOf(folder);
    const version = asText(field(entry, 'version'));
    // A path outside node_modules is a package of the repository itself, and a link points at one.
    if (at === -1 || version === '' || field(entry, 'link') === true) continue;
    const installedAs = path.slice(at + folder.length);
    entries.push(
      dependencyEntry(
        {
          ecosystem: 'npm',
          name: asText(field(entry, 'name')) || installedAs,
          version,
          line: lines.get(`packages${pathSeparator}${path}`) ?? 1,
        },
        {
          direct: !path.slice(0, at).includes(folder) && direct.has(installedAs),
          dev: field(entry, 'dev') === true || field(entry, 'devOptional') === true,
          license: asText(field(entry, 'license')),
        },
      ),
    );
  }
  return entries;
}

function declaredNames(manifest: unknown): string[] {
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];
  return kinds.flatMap((kind) => fields(field(manifest, kind)).map(([name]) => name));
}

/** Version 1: packages nest as they are installed. Only the package manifest tells which are direct. */
function readNested(text: string, lock: unknown): DependencyEntry[] {
  const lines = linesOfJson(text, 2 * maxDepth);
  const entries: DependencyEntry[] = [];
  const visit = (parent: unknown, parentPath: string, depth: number): void => {
    if (depth > maxDepth) throw new LockFileError(`nests deeper than ${maxDepth} levels`);
    for (const [key, entry] of fields(field(parent, 'dependencies'))) {
      const path = `${parentPath}dependencies${pathSeparator}${key}`;
      const { name, version } = resolveAlias(key, asText(field(entry, 'version')));
      if (version !== '') {
        const line = lines.get(path) ?? 1;
        entries.push(dependencyEntry({ ecosystem: 'npm', name, version, line }, { dev: field(entry, 'dev') === true }));
      }
      visit(entry, path + pathSeparator, depth + 1);
    }
  };
  visit(lock, '', 1);
  return entries;
}

/** `npm:real@1.2.3` names the package behind an alias; a URL or a path has no version of the registry. */
function resolveAlias(key: string, version: string): { readonly name: string; readonly version: string } {
  const alias = /^npm:(@?[^@]+)@(.+)$/.exec(version);
  if (alias !== null) return { name: alias[1]!, version: alias[2]! };
  return { name: key, version: /^\d/.test(version) ? version : '' };
}
