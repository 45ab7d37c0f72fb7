import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent } from './dependency.ts';

/**
 * gradle.lockfile (https://docs.gradle.org/current/userguide/dependency_locking.html): `group:artifact:version=configurations`.
 *
 * @throws LockFileError
 */
export function readGradleLock(text: string): LockFileContent {
  const entries: DependencyEntry[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#') || line.startsWith('empty=')) continue;
    const match = /^([^:=\s]+):([^:=\s]+):([^:=\s]+)(?:=(.*))?$/.exec(line.trim());
    if (match === null) throw new LockFileError(`is not a Gradle lock file: line ${index + 1} cannot be read`);
    const configurations = (match[4] ?? '').split(',').filter((name) => name !== '');
    const dev = configurations.length === 0 ? null : configurations.every((name) => /^test|TestC|TestR|^annotationProcessor$/.test(name));
    entries.push(dependencyEntry({ ecosystem: 'Maven', name: `${match[1]}:${match[2]}`, version: match[3]!, line: index + 1 }, { dev }));
  }
  return { entries, warnings: [] };
}

/**
 * Gemfile.lock: the `specs:` of its GEM section. What comes from GIT or PATH is not of rubygems.org.
 *
 * @throws LockFileError
 */
export function readGemfileLock(text: string): LockFileContent {
  const lines = text.split(/\r?\n/);
  const direct = new Set<string>();
  const found: { name: string; version: string; line: number }[] = [];
  let section = '';
  for (const [index, line] of lines.entries()) {
    if (/^[A-Z]/.test(line)) section = line.trim();
    else if (section === 'DEPENDENCIES') direct.add(/^ {2}([^\s!(]+)/.exec(line)?.[1] ?? '');
    else if (section === 'GEM') {
      // Four blanks: a gem; six: what it needs. A platform may follow the version: `1.15.0-x86_64-linux`.
      const match = /^ {4}(\S+) \(([^()\s-]+)(?:-[^()]*)?\)$/.exec(line);
      if (match !== null) found.push({ name: match[1]!, version: match[2]!, line: index + 1 });
    }
  }
  if (!lines.some((line) => /^(GEM|GIT|PATH|DEPENDENCIES)$/.test(line)))
    throw new LockFileError('is not a Gemfile.lock: it has no GEM section');
  const entries = found.map((gem) => dependencyEntry({ ecosystem: 'RubyGems', ...gem }, { direct: direct.has(gem.name) }));
  return { entries, warnings: [] };
}
