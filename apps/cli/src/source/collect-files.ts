import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';
import type { Ignore } from 'ignore';

/** One regular file of the source. */
export interface SourceFile {
  /** Relative to the root, forward slashes. */
  readonly path: string;
  readonly absolutePath: string;
  readonly sizeBytes: number;
  readonly executable: boolean;
  readonly modifiedAt: Date;
}

export interface CollectOptions {
  /** Called for what is left out because it cannot be uploaded: links, devices, sockets, unreadable folders. */
  readonly onSkipped: (path: string, why: string) => void;
}

/** Folders that hold no source of the project's own. Lock files beside them say what they would hold. */
const neverSource = new Set(['.git', '.hg', '.svn', 'node_modules', '.cloudscan', '.venv', '__pycache__']);
const ignoreFiles = ['.gitignore', '.cloudscanignore'];

interface Rules {
  /** The folder that the rules are relative to, `''` or ending in `/`. */
  readonly base: string;
  readonly matcher: Ignore;
}

/**
 * The regular files below a folder, in name order, one folder in memory at a time. Leaves out what `.gitignore` and
 * `.cloudscanignore` name (gitignore(5)), version control and installed dependencies. Links are never followed.
 */
export async function* collectFiles(root: string, options: CollectOptions): AsyncGenerator<SourceFile> {
  yield* collectFolder(root, '', [], options);
}

async function* collectFolder(
  root: string,
  folder: string,
  inherited: readonly Rules[],
  options: CollectOptions,
): AsyncGenerator<SourceFile> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    options.onSkipped(folder, `cannot be read (${error.code})`);
    return [];
  });
  const rules = [
    ...inherited,
    ...(await readRules(
      root,
      folder,
      entries.map(({ name }) => name),
    )),
  ];
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = folder + entry.name;
    if (entry.isDirectory()) {
      if (!neverSource.has(entry.name) && !isIgnored(`${path}/`, rules)) yield* collectFolder(root, `${path}/`, rules, options);
    } else if (isIgnored(path, rules)) {
      continue;
    } else if (entry.isFile()) {
      const absolutePath = join(root, path);
      const { size, mode, mtime } = await lstat(absolutePath);
      yield { path, absolutePath, sizeBytes: size, executable: (mode & 0o100) !== 0, modifiedAt: mtime };
    } else {
      options.onSkipped(path, entry.isSymbolicLink() ? 'is a symbolic link' : 'is not a regular file');
    }
  }
}

async function readRules(root: string, folder: string, names: readonly string[]): Promise<Rules[]> {
  const rules: Rules[] = [];
  for (const name of ignoreFiles.filter((candidate) => names.includes(candidate))) {
    const text = await readFile(join(root, folder, name), 'utf8').catch(() => '');
    rules.push({ base: folder, matcher: ignore({ allowRelativePaths: false }).add(text) });
  }
  return rules;
}

/** The deepest file that says something about a path decides (gitignore(5), "PATTERN FORMAT"). */
function isIgnored(path: string, rules: readonly Rules[]): boolean {
  for (const { base, matcher } of rules.toReversed()) {
    const verdict = matcher.test(path.slice(base.length));
    if (verdict.ignored) return true;
    if (verdict.unignored) return false;
  }
  return false;
}
