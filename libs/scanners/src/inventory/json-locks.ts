import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent } from './dependency.ts';
import { linesOfJson, pathSeparator } from './json-lines.ts';
import { parseJson } from './parse.ts';
import { asArray, asRecord, asText, field, fields } from './untrusted.ts';

/**
 * composer.lock. Several licences of a Composer package are alternatives
 * (https://getcomposer.org/doc/04-schema.md#license).
 *
 * @throws LockFileError
 */
export function readComposerLock(text: string): LockFileContent {
  const lock = parseJson(text);
  if (!Array.isArray(field(lock, 'packages'))) throw new LockFileError('is not a composer.lock: it has no "packages"');
  const lines = linesOfJson(text, 2);
  const entries: DependencyEntry[] = [];
  for (const section of ['packages', 'packages-dev']) {
    for (const [index, item] of asArray(field(lock, section)).entries()) {
      const name = asText(field(item, 'name'));
      const version = asText(field(item, 'version')).replace(/^v/, '');
      if (name === '' || !/^\d/.test(version)) continue;
      const licenses = asArray(field(item, 'license'))
        .map(asText)
        .filter((license) => license !== '');
      const license = licenses.length > 1 ? `(${licenses.join(' OR ')})` : (licenses[0] ?? '');
      const line = lines.get(`${section}${pathSeparator}${index}`) ?? 1;
      entries.push(dependencyEntry({ ecosystem: 'Packagist', name, version, line }, { dev: section === 'packages-dev', license }));
    }
  }
  return { entries, warnings: [] };
}

/**
 * packages.lock.json of NuGet.
 *
 * @throws LockFileError
 */
export function readNugetLock(text: string): LockFileContent {
  const lock = parseJson(text);
  if (asRecord(field(lock, 'dependencies')) === null) throw new LockFileError('is not a NuGet lock file: it has no "dependencies"');
  const lines = linesOfJson(text, 3);
  const entries = new Map<string, DependencyEntry>();
  for (const [framework, packages] of fields(field(lock, 'dependencies'))) {
    for (const [name, item] of fields(packages)) {
      const version = asText(field(item, 'resolved'));
      const id = `${name}@${version}`;
      if (version === '' || entries.has(id)) continue;
      const line = lines.get(['dependencies', framework, name].join(pathSeparator)) ?? 1;
      entries.set(id, dependencyEntry({ ecosystem: 'NuGet', name, version, line }, { direct: asText(field(item, 'type')) === 'Direct' }));
    }
  }
  return { entries: [...entries.values()], warnings: [] };
}
