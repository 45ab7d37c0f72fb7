import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DomainError, invalidArgument } from '@cloudscan/domain';
import type { Digest } from '@cloudscan/orchestration';
import { identifyProcess, isRunning, StartUpError } from '@cloudscan/process';

export interface LogSpoolOptions {
  /** Where the folder of this process lies. */
  readonly folder: string;
  /** Bytes of a log that comes as gzip. */
  readonly maxGzipBytes: number;
  /** Bytes of a log without compression. */
  readonly maxLogBytes: number;
  /** Logs at once; of others their callers are told to come again. */
  readonly maxConcurrent: number;
}

/** A log that lies on disk, without compression, until it is disposed of. */
export interface SpooledLog extends AsyncDisposable {
  readonly received: Digest;
  readonly content: Digest;
  /** From its beginning, any number of times; throws the reason of the signal that it was received with. */
  open(): AsyncIterable<Uint8Array>;
}

/** Milliseconds after which another log may have ended. */
const retryAfterMs = 5000;
const highWaterMark = 256 * 1024;
const namePattern = /^cloudscan-import-(\d+)-([0-9a-f]+)-\w{6}$/;

/**
 * Keeps logs that are being imported in a private folder of this process: a log is read more than once. Nothing stays there longer than
 * its import, and what a process that was killed has left behind goes when the next one starts.
 */
export class LogSpool {
  readonly #options: LogSpoolOptions;
  #folder: string | null = null;
  #atWork = 0;

  constructor(options: LogSpoolOptions) {
    this.#options = options;
  }

  /**
   * Makes the folder, and removes those of processes that run no more.
   *
   * @throws StartUpError where it cannot be made
   */
  start(): void {
    const { folder } = this.#options;
    try {
      mkdirSync(folder, { recursive: true });
      for (const name of readdirSync(folder)) if (isStale(folder, name)) rmSync(join(folder, name), { recursive: true, force: true });
      this.#folder = mkdtempSync(join(folder, folderPrefix()));
    } catch (error) {
      const { message } = error as Error;
      throw new StartUpError(`the folder of imported logs cannot be made: ${message}; set IMPORT_TMP_DIR to another place`, error);
    }
  }

  stop(): void {
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * Writes a log, plain or gzip, as told by its first bytes.
   *
   * @throws invalid_argument for a log that is too large or a gzip that is broken, resource_exhausted when too many logs are here or the
   *   disk is full, the signal's reason, and what `chunks` throws
   */
  async receive(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<SpooledLog> {
    if (this.#atWork >= this.#options.maxConcurrent) {
      throw new DomainError('resource_exhausted', `${this.#atWork} logs are being imported already; try again when one has ended`, {
        retryAfterMs,
      });
    }
    this.#atWork += 1;
    const path = join(this.#folder!, randomUUID());
    const dispose = async (): Promise<void> => {
      this.#atWork -= 1;
      await rm(path, { force: true });
    };
    try {
      const { received, content } = await this.#write(chunks, path, signal);
      return {
        received,
        content,
        open: () => read(path, signal),
        [Symbol.asyncDispose]: dispose,
      };
    } catch (error) {
      await dispose();
      signal.throwIfAborted();
      throw refusal(error);
    }
  }

  async #write(
    chunks: AsyncIterable<Uint8Array>,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly received: Digest; readonly content: Digest }> {
    const { maxGzipBytes, maxLogBytes } = this.#options;
    const { isGzip, bytes } = await peek(chunks);
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark });
    const content = new Meter(maxLogBytes, `without compression ${limitText(maxLogBytes, 'IMPORT_MAX_LOG_BYTES')}`);
    const inflated = (source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => content.pass(source);
    if (!isGzip) {
      await pipeline(bytes, inflated, file, { signal });
      return { received: content.digest, content: content.digest };
    }
    const received = new Meter(maxGzipBytes, limitText(maxGzipBytes, 'IMPORT_MAX_GZIP_BYTES'));
    await pipeline(received.pass(bytes), createGunzip({ chunkSize: highWaterMark }), inflated, file, { signal });
    return { received: received.digest, content: content.digest };
  }
}

function limitText(bytes: number, variable: string): string {
  return `is larger than ${bytes} bytes, the most that this server takes; ${variable} of the server raises that`;
}

/** Counts and hashes what passes. */
class Meter {
  readonly #hash = createHash('sha256');
  readonly #max: number;
  readonly #tooLarge: string;
  #bytes = 0;
  #digest: Digest | null = null;

  constructor(max: number, tooLarge: string) {
    this.#max = max;
    this.#tooLarge = tooLarge;
  }

  async *pass(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#max) throw invalidArgument('chunk', this.#tooLarge);
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  get digest(): Digest {
    return (this.#digest ??= { sizeBytes: this.#bytes, sha256: this.#hash.digest('hex') });
  }
}

/** Looks at the two bytes that gzip begins with (RFC 1952 section 2.3.1), however they are cut into chunks. */
async function peek(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly isGzip: boolean; readonly bytes: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  if (head.length === 0) throw invalidArgument('chunk', 'is missing: no byte of the log came');
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { isGzip: head[0] === 0x1f && head[1] === 0x8b, bytes: whole() };
}

async function* read(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path, { highWaterMark })) {
    signal.throwIfAborted();
    yield chunk as Buffer;
  }
}

/** What a caller can be told of. */
function refusal(error: unknown): unknown {
  const code = String((error as NodeJS.ErrnoException).code);
  if (/^Z_/.test(code)) return invalidArgument('chunk', `is a gzip that is broken: ${(error as Error).message}`);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DomainError('resource_exhausted', 'the server has no room for the log; try again', { retryAfterMs, cause: error });
  }
  return error;
}

function folderPrefix(): string {
  const { pid, startedAt } = identifyProcess(process.pid)!;
  return `cloudscan-import-${pid}-${Buffer.from(startedAt).toString('hex')}-`;
}

/** Only folders of this user: in a shared place others may have put what looks like one. */
function isStale(folder: string, name: string): boolean {
  const match = namePattern.exec(name);
  const stat = match === null ? undefined : lstatSync(join(folder, name), { throwIfNoEntry: false });
  if (match === null || stat === undefined || !stat.isDirectory() || stat.uid !== process.getuid?.()) return false;
  return !isRunning({ pid: Number(match[1]), startedAt: Buffer.from(match[2]!, 'hex').toString() });
}
