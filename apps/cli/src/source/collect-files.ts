import { isUtf8 } from 'node:buffer';
import { lstat, readdir, readFile } from 'node:fs/promises';
import ignore from 'ignore';
import type { Ignore } from 'ignore';

/** One regular file of the source. */
export interface SourceFile {
  /** Relative to the root, forward slashes. A name that is not UTF-8 has its bytes beyond ASCII as `%FF`. */
  readonly path: string;
  /** In bytes, as the file system has it. */
  readonly location: Buffer;
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

interface Folder {
  /** `''` or ending in `/`. */
  readonly path: string;
  readonly location: Buffer;
}

/**
 * The regular files below a folder, in name order, one folder in memory at a time. Leaves out what `.gitignore` and
 * `.cloudscanignore` name (gitignore(5)), version control and installed dependencies. Links are never followed.
 */
export async function* collectFiles(root: string, options: CollectOptions): AsyncGenerator<SourceFile> {
  yield* collectFolder({ path: '', location: Buffer.from(root) }, [], options);
}

async function* collectFolder(folder: Folder, inherited: readonly Rules[], options: CollectOptions): AsyncGenerator<SourceFile> {
  const entries = await readdir(folder.location, { withFileTypes: true, encoding: 'buffer' }).catch((error: NodeJS.ErrnoException) => {
    options.onSkipped(folder.path, `cannot be read (${error.code})`);
    return [];
  });
  const named = entries.map((entry) => ({ entry, name: nameOf(entry.name) })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = named.map(({ name }) => name);
  const rules = [...inherited, ...(await readRules(folder, names))];
  for (const { entry, name } of named) {
    const path = folder.path + name;
    const location = within(folder, entry.name);
    if (entry.isDirectory()) {
      if (!neverSource.has(name) && !isIgnored(`${path}/`, rules)) yield* collectFolder({ path: `${path}/`, location }, rules, options);
    } else if (isIgnored(path, rules)) {
      continue;
    } else if (entry.isFile()) {
      const stat = await lstat(location).catch(() => null);
      if (stat === null) options.onSkipped(path, 'is gone');
      else yield { path, location, sizeBytes: stat.size, executable: (stat.mode & 0o100) !== 0, modifiedAt: stat.mtime };
    } else {
      options.onSkipped(path, entry.isSymbolicLink() ? 'is a symbolic link' : 'is not a regular file');
    }
  }
}

function within({ location }: Folder, name: Buffer): Buffer {
  return Buffer.concat([location, Buffer.from('/'), name]);
}

/** An archive's names are UTF-8; two names stay two. */
function nameOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase()}`)).join('');
}

async function readRules(folder: Folder, names: readonly string[]): Promise<Rules[]> {
  const rules: Rules[] = [];
  for (const name of ignoreFiles.filter((candidate) => names.includes(candidate))) {
    const text = await readFile(within(folder, Buffer.from(name)), 'utf8').catch(() => '');
    rules.push({ base: folder.path, matcher: ignore({ allowRelativePaths: false }).add(text) });
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
