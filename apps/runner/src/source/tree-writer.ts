import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RunFailure } from '../run-failure.ts';
import type { UnpackBudget } from './unpack-budget.ts';

/** Bytes up to which a file is gathered in memory and written while the next ones are read. */
const smallFileBytes = 256 * 1024;
/** Small files that may be on their way to the disk at a time. */
const maxWrites = 32;

/** What was left out, and why. */
export interface UnpackReport {
  readonly files: number;
  readonly bytes: number;
  /** Links, devices, pipes: never made, so that nothing in the tree leads out of it. */
  readonly specials: number;
  /**
   * What lay in a `.git`, or was one. Git reads settings there that name programs to run, and a tool that calls Git in the tree would
   * run them; a clone comes without it too.
   */
  readonly repositoryFiles: number;
  /** Members whose name was there already; the last one counts, as in tar. */
  readonly duplicates: number;
  /** Members whose name the file system takes for that of another (letter case), or that stand where a folder does. */
  readonly collisions: number;
}

/**
 * Writes an archive's members below a folder that was empty. It makes regular files and folders only, and follows no link since it makes
 * none; so a path of plain names cannot lead out.
 */
export class TreeWriter {
  readonly #root: string;
  readonly #budget: UnpackBudget;
  readonly #folders = new Set<string>(['']);
  readonly #files = new Set<string>();
  readonly #writes = new Set<Promise<void>>();
  #writeFailure: { readonly error: unknown } | null = null;
  #specials = 0;
  #repositoryFiles = 0;
  #duplicates = 0;
  #collisions = 0;

  constructor(root: string, budget: UnpackBudget) {
    this.#root = root;
    this.#budget = budget;
  }

  /** @throws RunFailure for a path that leads out of the root */
  async addFolder(name: string): Promise<void> {
    this.#budget.addMember();
    const path = this.#pathOf(name);
    if (path !== '' && !isOfRepository(path)) await this.#makeFolder(path);
  }

  skipSpecial(): void {
    this.#budget.addMember();
    this.#specials += 1;
  }

  /**
   * Reads the content to its end.
   *
   * @param declaredBytes as the archive says; only decides how the file is written
   * @throws RunFailure for a path that leads out of the root, or a limit
   */
  async addFile(name: string, declaredBytes: number, content: AsyncIterable<Buffer>): Promise<void> {
    this.#throwWriteFailure();
    this.#budget.addMember();
    const path = this.#distinct(this.#pathOf(name));
    if (isOfRepository(path)) {
      this.#repositoryFiles += 1;
      await drain(content);
      return;
    }
    if (path === '' || !(await this.#makeFolder(parentOf(path))) || this.#folders.has(path)) {
      this.#collisions += 1;
      await drain(content);
      return;
    }
    if (this.#files.has(path)) await this.#replace(path);
    this.#files.add(path);
    if (declaredBytes <= smallFileBytes) await this.#writeSmall(path, content);
    else await this.#writeLarge(path, content);
  }

  /** Resolves when all is on disk. */
  async finish(): Promise<UnpackReport> {
    await Promise.all(this.#writes);
    this.#throwWriteFailure();
    const counts = {
      specials: this.#specials,
      repositoryFiles: this.#repositoryFiles,
      duplicates: this.#duplicates,
      collisions: this.#collisions,
    };
    return { files: this.#files.size, bytes: this.#budget.bytes, ...counts };
  }

  /** As relative segments; '' for the root itself. */
  #pathOf(name: string): string {
    const unified = name.replaceAll('\\', '/');
    const segments = unified.split('/').filter((segment) => segment !== '' && segment !== '.');
    if (/^(?:\/|[A-Za-z]:\/)/.test(unified) || segments.includes('..') || unified.includes('\0')) {
      throw new RunFailure(
        'source_invalid',
        `the source holds the path ${JSON.stringify(name.slice(0, 100))}, which leads out of it; pack it with relative paths`,
      );
    }
    const path = segments.join('/');
    this.#budget.checkPath(path);
    return path;
  }

  /** Names of other encodings than UTF-8 show the same where they differ: each gets a number, so that none hides another. */
  #distinct(path: string): string {
    if (!path.includes('\ufffd')) return path;
    let distinct = path;
    for (let number = 2; this.#files.has(distinct); number += 1) distinct = `${path}~${number}`;
    return distinct;
  }

  /** False when a file stands where a folder is wanted. */
  async #makeFolder(path: string): Promise<boolean> {
    if (this.#folders.has(path)) return true;
    if (this.#files.has(path) || !(await this.#makeFolder(parentOf(path)))) return false;
    try {
      await mkdir(join(this.#root, path), { mode: 0o700 });
    } catch (error) {
      // A file system that ignores letter case holds one of another spelling; it serves as well.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    this.#folders.add(path);
    return true;
  }

  async #replace(path: string): Promise<void> {
    await Promise.all(this.#writes);
    await rm(join(this.#root, path), { force: true });
    this.#duplicates += 1;
  }

  async #writeSmall(path: string, content: AsyncIterable<Buffer>): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#counted(content)) chunks.push(chunk);
    while (this.#writes.size >= maxWrites) await Promise.race(this.#writes);
    const write = writeFile(join(this.#root, path), chunks, { flag: 'wx', mode: 0o600 })
      .catch((error: unknown) => this.#onWriteError(path, error))
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  async #writeLarge(path: string, content: AsyncIterable<Buffer>): Promise<void> {
    try {
      await using file = await open(join(this.#root, path), 'wx', 0o600);
      for await (const chunk of this.#counted(content)) await file.appendFile(chunk);
    } catch (error) {
      this.#onWriteError(path, error);
      this.#throwWriteFailure();
      await drain(content);
    }
  }

  async *#counted(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    let fileBytes = 0;
    for await (const chunk of content) {
      fileBytes += chunk.length;
      this.#budget.addBytes(chunk.length, fileBytes);
      yield chunk;
    }
  }

  #onWriteError(path: string, error: unknown): void {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      this.#collisions += 1;
      this.#files.delete(path);
    } else {
      this.#writeFailure ??= { error };
    }
  }

  #throwWriteFailure(): void {
    if (this.#writeFailure !== null) throw this.#writeFailure.error;
  }
}

/** In any letter case: some file systems tell none apart. */
function isOfRepository(path: string): boolean {
  return path.toLowerCase().split('/').includes('.git');
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

async function drain(content: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of content);
}
