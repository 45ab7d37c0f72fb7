import { lstat, realpath } from 'node:fs/promises';
import nativePath from 'node:path';
import path from 'node:path/posix';
import { ignoredFolders, readSourceText, walkSource } from '../source/walk-source.ts';
import { LockFileError } from './dependency.ts';
import type { Dependency, LockFileReader, ReadSibling } from './dependency.ts';
import { readGoMod } from './go.ts';
import { readComposerLock, readNugetLock } from './json-locks.ts';
import { readGemfileLock, readGradleLock } from './line-locks.ts';
import { readPom } from './maven.ts';
import { readPackageLock } from './npm.ts';
import { readPnpmLock } from './pnpm.ts';
import { includedRequirements, readPipfileLock, readRequirements } from './python.ts';
import { readCargoLock, readPoetryLock, readUvLock } from './toml-locks.ts';
import { readYarnLock } from './yarn.ts';

/** Bytes. The largest lock files of real repositories have a few MiB; their parsed form takes up to thirty times that. */
const maxLockFileBytes = 16 * 1024 * 1024;
/** One lock file that lists more is not believed. */
const maxEntries = 200_000;

const readers: ReadonlyMap<string, LockFileReader> = new Map<string, LockFileReader>([
  ['package-lock.json', readPackageLock],
  ['npm-shrinkwrap.json', readPackageLock],
  ['pnpm-lock.yaml', readPnpmLock],
  ['yarn.lock', readYarnLock],
  ['Pipfile.lock', readPipfileLock],
  ['poetry.lock', readPoetryLock],
  ['pdm.lock', readPoetryLock],
  ['uv.lock', readUvLock],
  ['go.mod', readGoMod],
  ['pom.xml', readPom],
  ['gradle.lockfile', readGradleLock],
  ['buildscript-gradle.lockfile', readGradleLock],
  ['Cargo.lock', readCargoLock],
  ['composer.lock', readComposerLock],
  ['Gemfile.lock', readGemfileLock],
  ['gems.locked', readGemfileLock],
  ['packages.lock.json', readNugetLock],
]);

/** What one lock file of the tree gives. */
export interface LockFile {
  /** Relative to the source's root, forward slashes. */
  readonly filePath: string;
  readonly dependencies: readonly Dependency[];
  /** Sentences that name the file: what of it could not be read. */
  readonly warnings: readonly string[];
}

/**
 * Every lock file of a tree, one at a time, in the order of their paths. Folders of installed packages are not entered. A lock
 * file that cannot be read or understood comes with a warning and without dependencies.
 */
export async function* readInventory(sourceDir: string): AsyncGenerator<LockFile, void> {
  const readSibling = siblingReader(sourceDir);
  const seen = new Set<string>();
  const skipped: LockFile[] = [];
  const files = walkSource(sourceDir, {
    maxFileBytes: maxLockFileBytes,
    ignoredFolders,
    wants: (filePath, name) => readerOf(filePath, name) !== null,
    onSkip: (filePath, reason) => {
      const problem = reason === 'too_large' ? `is larger than ${maxLockFileBytes / 1024 / 1024} MiB` : 'cannot be opened';
      if (readerOf(filePath, path.basename(filePath)) !== null) skipped.push(unreadable(filePath, problem));
    },
  });
  for await (const file of files) {
    if (seen.has(file.path)) continue;
    const reader = readerOf(file.path, file.name)!;
    const pending = [{ filePath: file.path, text: await readSourceText(file) }];
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const { filePath, text } = next;
      seen.add(filePath);
      if (text === null) {
        yield unreadable(filePath, 'is not a text file');
        continue;
      }
      const lockFile = await readLockFile(reader, text, filePath, readSibling);
      const missing: string[] = [];
      for (const included of reader === readRequirements ? includedRequirements(text, filePath) : []) {
        if (seen.has(included)) continue;
        seen.add(included);
        const includedText = await readSibling(included);
        if (includedText === null) missing.push(`${filePath} includes ${included}, which is not in the tree`);
        else pending.push({ filePath: included, text: includedText });
      }
      yield { ...lockFile, warnings: [...lockFile.warnings, ...missing] };
    }
  }
  yield* skipped;
}

/** Null for a file that is no lock file. */
function readerOf(filePath: string, name: string): LockFileReader | null {
  const reader = readers.get(name);
  if (reader !== undefined) return reader;
  const folder = path.basename(path.dirname(filePath));
  if (name.endsWith('.txt') && (/^requirements.*\.txt$|[-_.]requirements\.txt$/i.test(name) || folder === 'requirements'))
    return readRequirements;
  return name.endsWith('.lockfile') && folder === 'dependency-locks' ? readGradleLock : null;
}

async function readLockFile(reader: LockFileReader, text: string, filePath: string, readSibling: ReadSibling): Promise<LockFile> {
  try {
    const { entries, warnings } = await reader(text, { filePath, readSibling });
    if (entries.length > maxEntries) return unreadable(filePath, `lists more than ${maxEntries} packages`);
    return {
      filePath,
      dependencies: entries.map((entry) => ({ ...entry, filePath })),
      warnings: warnings.map((warning) => `${filePath}: ${warning}`),
    };
  } catch (error) {
    if (error instanceof LockFileError) return unreadable(filePath, error.message);
    // Hostile nesting ends in a full stack wherever a parser recurses.
    if (error instanceof RangeError) return unreadable(filePath, 'nests too deeply');
    throw error;
  }
}

function unreadable(filePath: string, problem: string): LockFile {
  return { filePath, dependencies: [], warnings: [`${filePath} ${problem}`] };
}

/** Reads other files of the tree by their path; a link that leads out of the tree, or a path that does, reads as nothing. */
function siblingReader(sourceDir: string): ReadSibling {
  return async (relativePath) => {
    try {
      const root = await realpath(sourceDir);
      const location = await realpath(nativePath.join(root, relativePath));
      if (!location.startsWith(root + nativePath.sep)) return null;
      const { size } = await lstat(location);
      if (size > maxLockFileBytes) return null;
      return await readSourceText({ path: relativePath, name: path.basename(relativePath), size, location: Buffer.from(location) });
    } catch {
      return null;
    }
  };
}
