import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StartUpError } from '@cloudscan/process';
import { asDiskFull } from '../errors.ts';

/**
 * The folders of a store, all on one file system, so that a rename moves between them at once:
 *
 * - `objects/ab/cd/<sha256 of the key>/` one folder per object, complete or not there
 * - `multipart/<upload id>/` parts that came so far
 * - `incoming/` uploads at work, `trash/` what is being deleted
 *
 * No text of a client is ever part of a path.
 */
export class Folders {
  readonly root: string;
  readonly objects: string;
  readonly multipart: string;
  readonly incoming: string;
  readonly trash: string;

  private constructor(root: string) {
    this.root = root;
    this.objects = join(root, 'objects');
    this.multipart = join(root, 'multipart');
    this.incoming = join(root, 'incoming');
    this.trash = join(root, 'trash');
  }

  /**
   * Makes the folders and proves that files can be written there.
   *
   * @throws StartUpError
   */
  static async open(path: string): Promise<Folders> {
    const folders = new Folders(resolve(path));
    try {
      for (const folder of [folders.objects, folders.multipart, folders.incoming, folders.trash]) await mkdir(folder, { recursive: true });
      await folders.probe();
      return folders;
    } catch (error) {
      throw new StartUpError(describeUnusable(folders.root, error), error);
    }
  }

  /** Writes and removes an empty file. */
  async probe(): Promise<void> {
    const path = join(this.incoming, `probe-${randomUUID()}`);
    await writeFile(path, '', { flag: 'wx' });
    await rm(path);
  }

  /** Where the object of a key is. Two levels of 256 folders keep each small at millions of objects. */
  objectOf(key: string): { readonly shard: string; readonly folder: string } {
    const hash = createHash('sha256').update(key).digest('hex');
    const shard = join(this.objects, hash.slice(0, 2), hash.slice(2, 4));
    return { shard, folder: join(shard, hash) };
  }

  /** A fresh folder for one upload; the caller renames or discards it. */
  async newIncoming(): Promise<string> {
    const folder = join(this.incoming, randomUUID());
    await mkdir(folder).catch((error: unknown) => {
      throw asDiskFull(error);
    });
    return folder;
  }

  /** Takes a folder away at once, then removes it; false when there was none. */
  async discard(folder: string): Promise<boolean> {
    const doomed = join(this.trash, randomUUID());
    try {
      await rename(folder, doomed);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
    await rm(doomed, { recursive: true, force: true });
    return true;
  }
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | null)?.code ?? '');
}

/** The names in a folder; none when it is gone or is a file. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Milliseconds since 1970 when something last changed in a folder or in one of its files; null when it is gone. */
export async function lastChange(folder: string): Promise<number | null> {
  let latest: number | null = null;
  for (const path of [folder, ...(await namesIn(folder)).map((name) => join(folder, name))]) {
    const found = await stat(path).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    });
    if (found !== null) latest = Math.max(latest ?? 0, found.mtimeMs);
  }
  return latest;
}

/** Makes the names in a folder survive a power failure. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function describeUnusable(root: string, error: unknown): string {
  const remedy = 'or set STORAGE_DATA_DIR to another folder';
  if (hasCode(error, 'EACCES', 'EPERM')) return `the storage folder ${root} cannot be written by this user; give it write access ${remedy}`;
  if (hasCode(error, 'EROFS')) return `the storage folder ${root} is on a read-only file system; mount it writable ${remedy}`;
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return `the disk of the storage folder ${root} is full; free some space ${remedy}`;
  if (hasCode(error, 'ENOTDIR', 'EEXIST')) return `the storage folder ${root} is not a folder; remove the file in its place ${remedy}`;
  const code = (error as NodeJS.ErrnoException | null)?.code ?? String(error);
  return `the storage folder ${root} cannot be used (${code}); make it a writable folder ${remedy}`;
}
