import { lstat } from 'node:fs/promises';
import { basename, relative, resolve, sep } from 'node:path';
import { isBinary, readSource } from '../source/walk-source.ts';

/** Bytes; what is larger shows no snippet. */
const maxFileBytes = 10 * 1024 * 1024;

/** The place of a finding as a tool gives it: 1-based lines, and columns in bytes of UTF-8 or 0; the end column is exclusive. */
export interface Span {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** The lines of the file that findings are in, read from the source since no tool can be relied on to quote it. Holds one file. */
export class SourceText {
  readonly #sourceDir: string;
  #path = '';
  #lines: readonly string[] = [];

  /** @param sourceDir absolute */
  constructor(sourceDir: string) {
    this.#sourceDir = sourceDir;
  }

  /** A path of the tool's relative to the source, with forward slashes; null where it leads out of it. */
  relativePath(path: string): string | null {
    const inner = relative(this.#sourceDir, resolve(this.#sourceDir, path));
    return inner === '' || inner === '..' || inner.startsWith(`..${sep}`) ? null : inner.split(sep).join('/');
  }

  /** None when the file is binary, too large, or cannot be read; links are not followed. */
  async linesOf(path: string): Promise<readonly string[]> {
    if (path !== this.#path) {
      this.#lines = await this.#read(path);
      this.#path = path;
    }
    return this.#lines;
  }

  async #read(path: string): Promise<readonly string[]> {
    const absolute = resolve(this.#sourceDir, path);
    const size = await lstat(absolute).then(
      (stats) => stats.size,
      () => maxFileBytes + 1,
    );
    if (size > maxFileBytes) return [];
    const bytes = await readSource({ path, name: basename(path), size, location: Buffer.from(absolute) });
    return bytes === null || isBinary(bytes) ? [] : bytes.toString('utf8').split(/\r?\n/);
  }
}

/** The code in a span; without its columns whole lines. */
export function textIn(lines: readonly string[], { startLine, startColumn, endLine, endColumn }: Span): string {
  const found = lines.slice(startLine - 1, endLine).map((line) => Buffer.from(line));
  const last = found.length - 1;
  return found
    .map((line, index) => {
      const end = index === last && endLine - startLine === last && endColumn > 0 ? endColumn - 1 : line.length;
      return line.subarray(index === 0 ? Math.max(0, startColumn - 1) : 0, end).toString('utf8');
    })
    .join('\n');
}

/** A 1-based column in bytes of UTF-8 as one in UTF-16 code units, which editors and our findings count; 0 stays 0. */
export function utf16Column(line: string | undefined, byteColumn: number): number {
  if (line === undefined || byteColumn <= 1) return byteColumn;
  return (
    Buffer.from(line)
      .subarray(0, byteColumn - 1)
      .toString('utf8').length + 1
  );
}
