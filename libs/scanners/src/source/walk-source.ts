import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';

/** A regular file of the source. */
export interface SourceFile {
  /** Relative to the source's root, forward slashes; bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The path to open it by: bytes, since a name on disk need not be UTF-8. */
  readonly location: Buffer;
}

export type SkipReason = 'too_large' | 'unreadable';

export interface WalkOptions {
  /** Larger files are skipped; bytes. */
  readonly maxFileBytes: number;
  /** Folders of these names are not entered; {@link ignoredFolders} by default. */
  readonly ignoredFolders?: ReadonlySet<string>;
  /** By default every file is wanted. Asked before the file's size, with its path and its last segment. */
  readonly wants?: (path: string, name: string) => boolean;
  /** Told of each wanted file, or folder, that is left out. */
  readonly onSkip?: (path: string, reason: SkipReason) => void;
}

/** What others wrote or a tool made: findings in it are noise to whoever owns the source. */
export const ignoredFolders: ReadonlySet<string> = new Set([
  ...['.git', '.hg', '.svn', '.idea', '.vscode', '.cache', '.terraform', '.gradle', '.yarn', '.nx', '.next', '.nuxt'],
  ...['node_modules', 'bower_components', 'jspm_packages', 'vendor', 'third_party', 'site-packages', '.venv', 'venv', '.tox', '.eggs'],
  ...['__pycache__', '.mypy_cache', '.pytest_cache', 'dist', 'build', 'target', 'out', 'coverage', '.nyc_output'],
]);

/**
 * All wanted files below a folder, in the order of their bytes within each folder: the same tree gives the same order everywhere.
 * Holds the names of the folders on the way to the current file, nothing more. Symbolic links, devices and pipes are passed over;
 * what cannot be read is reported and does not end the walk.
 */
export async function* walkSource(sourceDir: string, options: WalkOptions): AsyncGenerator<SourceFile, void> {
  yield* walkFolder(Buffer.from(resolve(sourceDir)), '', options);
}

async function* walkFolder(folder: Buffer, folderPath: string, options: WalkOptions): AsyncGenerator<SourceFile, void> {
  const ignored = options.ignoredFolders ?? ignoredFolders;
  for (const entry of await entriesOf(folder, folderPath, options)) {
    const name = entry.name.toString('utf8');
    const path = folderPath === '' ? name : `${folderPath}/${name}`;
    const location = Buffer.concat([folder, slash, entry.name]);
    if (entry.isDirectory()) {
      if (!ignored.has(name)) yield* walkFolder(location, path, options);
    } else if (entry.isFile() && (options.wants?.(path, name) ?? true)) {
      const size = await sizeOf(location);
      if (size === null) options.onSkip?.(path, 'unreadable');
      else if (size > options.maxFileBytes) options.onSkip?.(path, 'too_large');
      else yield { path, name, size, location };
    }
  }
}

const slash = Buffer.from('/');

async function entriesOf(folder: Buffer, folderPath: string, options: WalkOptions) {
  try {
    const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
    return entries.sort((a, b) => Buffer.compare(a.name, b.name));
  } catch (error) {
    if (folderPath === '') throw error;
    options.onSkip?.(folderPath, 'unreadable');
    return [];
  }
}

async function sizeOf(location: Buffer): Promise<number | null> {
  try {
    return (await lstat(location)).size;
  } catch {
    return null;
  }
}

/**
 * A file's bytes, at most as many as it had when it was walked. Null when it cannot be read or has become a link or
 * something else: the source is read as it stands, whatever replaces parts of it meanwhile.
 */
export async function readSource(file: SourceFile): Promise<Buffer | null> {
  try {
    await using handle = await open(file.location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return null;
    const buffer = Buffer.allocUnsafe(file.size);
    let length = 0;
    while (length < file.size) {
      const { bytesRead } = await handle.read(buffer, length, file.size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } catch {
    return null;
  }
}

/** As {@link readSource}, decoded; null too for a binary file, that is, one with a zero byte in its first 8 KiB (as git tells them apart). */
export async function readSourceText(file: SourceFile): Promise<string | null> {
  const bytes = await readSource(file);
  return bytes === null || isBinary(bytes) ? null : bytes.toString('utf8');
}

export function isBinary(bytes: Buffer): boolean {
  return bytes.subarray(0, 8192).includes(0);
}

/** Bundled or minified code: `*.min.js`, `*.bundle.js`, or lines that no person writes. */
export function isMinified(name: string, text: string): boolean {
  if (/[.-](min|bundle|prod)\.[cm]?(js|css)$/.test(name)) return true;
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return text.length > 5000 && text.length / lines > 300;
}
