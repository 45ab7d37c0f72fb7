import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { redactedTail } from '../log-tail.ts';

/** Bytes read beyond what is asked for, so that a secret that begins before the cut is recognised as one. */
const redactionMarginBytes = 4096;

/** The end of a log file with its secrets hidden, at most `maxBytes` of UTF-8 without NUL, which PostgreSQL refuses; empty when there is no file. */
export function readLogTail(path: string, maxBytes: number): string {
  const tail = withFile(path, 'r', (file) => readEnd(file, maxBytes + redactionMarginBytes));
  return tail === null ? '' : redactedTail(tail.toString('utf8'), maxBytes);
}

/** Cuts a log that has grown over `maxBytes` down to its last tenth: a runner that floods it must not fill the disk. */
export function boundLog(path: string, maxBytes: number): void {
  withFile(path, 'r+', (file) => {
    if (fstatSync(file).size <= maxBytes) return;
    const tail = readEnd(file, Math.floor(maxBytes / 10));
    ftruncateSync(file, 0);
    writeSync(file, tail);
  });
}

function readEnd(file: number, maxBytes: number): Buffer {
  const { size } = fstatSync(file);
  const buffer = Buffer.alloc(Math.min(size, maxBytes));
  return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, size - buffer.length));
}

function withFile<T>(path: string, flags: string, use: (file: number) => T): T | null {
  let file: number;
  try {
    file = openSync(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}
