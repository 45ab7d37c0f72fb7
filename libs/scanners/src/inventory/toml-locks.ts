import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, Ecosystem, LockFileContent } from './dependency.ts';
import { parseToml } from './parse.ts';
import { asArray, asText, field, fields } from './untrusted.ts';

/**
 * poetry.lock and pdm.lock.
 *
 * @throws LockFileError
 */
export function readPoetryLock(text: string): LockFileContent {
  return readPackages(text, 'PyPI', (item) => {
    const source = asText(field(field(item, 'source'), 'type'));
    if (['directory', 'file'].includes(source)) return null;
    const groups = asArray(field(item, 'groups')).map(asText);
    const category = asText(field(item, 'category'));
    const dev = groups.length > 0 ? !groups.includes('main') && !groups.includes('default') : category === '' ? null : category === 'dev';
    return { dev };
  });
}

/**
 * uv.lock.
 *
 * @throws LockFileError
 */
export function readUvLock(text: string): LockFileContent {
  return readPackages(text, 'PyPI', (item) => {
    const isLocal = fields(field(item, 'source')).some(([kind]) => ['virtual', 'editable', 'directory', 'path'].includes(kind));
    return isLocal ? null : {};
  });
}

/**
 * Cargo.lock. A package without a source is of the repository itself, one from git is not of crates.io.
 *
 * @throws LockFileError
 */
export function readCargoLock(text: string): LockFileContent {
  return readPackages(text, 'crates.io', (item) => (/^(registry|sparse)\+/.test(asText(field(item, 'source'))) ? {} : null));
}

/** Lock files that list `[[package]]` tables; `classify` gives null for a package that is left out. */
function readPackages(
  text: string,
  ecosystem: Ecosystem,
  classify: (item: unknown) => Partial<Pick<DependencyEntry, 'dev'>> | null,
): LockFileContent {
  const lock = parseToml(text);
  const items = field(lock, 'package');
  const isEmptyLock = fields(lock).some(([key]) => ['metadata', 'version', 'lock-version'].includes(key));
  if (!Array.isArray(items) && !isEmptyLock) throw new LockFileError('is not a lock file of its kind: it has no [[package]] tables');
  const lines = tableLines(text);
  const required = new Set(asArray(items).flatMap((item) => (classify(item) === null ? requiredNames(item) : [])));
  const entries: DependencyEntry[] = [];
  for (const [index, item] of asArray(items).entries()) {
    const name = asText(field(item, 'name'));
    const version = asText(field(item, 'version'));
    const known = classify(item);
    if (name === '' || version === '' || known === null) continue;
    const direct = required.size === 0 ? null : required.has(name);
    entries.push(dependencyEntry({ ecosystem, name, version, line: lines[index] ?? 1 }, { direct, ...known }));
  }
  return { entries, warnings: [] };
}

/** What a package of the repository itself needs: `{ name = "idna" }` in uv.lock, `"time"` or `"time 0.1.43"` in Cargo.lock. */
function requiredNames(item: unknown): string[] {
  const groups = fields(field(item, 'dev-dependencies')).map(([, group]) => group);
  return [field(item, 'dependencies'), ...groups]
    .flatMap(asArray)
    .map((dependency) => asText(field(dependency, 'name')) || asText(dependency).split(' ', 1)[0]!);
}

/** The TOML parser gives no positions: the n-th table stands at the n-th header. */
function tableLines(text: string): number[] {
  return text.split('\n').flatMap((line, index) => (/^\s*\[\[package\]\]/.test(line) ? [index + 1] : []));
}
