import { closeSync, createReadStream, createWriteStream, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { UsageError } from '../exit-codes.ts';

/** A SARIF log as a plain file that can be read again, until it is disposed of. */
export interface LogFile extends Disposable {
  readonly path: string;
  /** As the server is told; empty where there is none. */
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * The log of a file, or of standard input where `path` is null. What comes by a pipe or as gzip is written down first: it is read once to
 * be imported and once more to be kept.
 *
 * @throws UsageError for a file that cannot be read
 */
export async function openLogFile(path: string | null, stdin: Readable, signal: AbortSignal): Promise<LogFile> {
  if (path !== null) expectFile(path);
  const name = path === null ? '' : basename(path).replace(/\.gz$/, '');
  if (path !== null && !isGzip(path)) return { path, name, sizeBytes: statSync(path).size, [Symbol.dispose]: () => undefined };
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-import-'));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    let plain = path;
    if (plain === null) {
      plain = join(folder, 'stdin');
      await pipeline(stdin, createWriteStream(plain, { mode: 0o600 }), { signal });
    }
    if (isGzip(plain)) {
      const inflated = join(folder, 'log');
      await pipeline(createReadStream(plain), createGunzip(), createWriteStream(inflated, { mode: 0o600 }), { signal });
      plain = inflated;
    }
    return { path: plain, name, sizeBytes: statSync(plain).size, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    if (/^Z_/.test(String((error as NodeJS.ErrnoException).code))) throw new UsageError('the log is a gzip that is broken', error);
    throw error;
  }
}

function expectFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new UsageError(`there is no file ${path}`);
  if (!stat.isFile()) throw new UsageError(`${path} is no file; give a SARIF log, or - for standard input`);
}

/** By the bytes that gzip begins with (RFC 1952 section 2.3.1). */
function isGzip(path: string): boolean {
  const head = Buffer.alloc(2);
  const file = openSync(path, 'r');
  try {
    readSync(file, head);
  } finally {
    closeSync(file);
  }
  return head[0] === 0x1f && head[1] === 0x8b;
}
