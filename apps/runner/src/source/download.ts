import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@cloudscan/telemetry';
import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { RunFailure } from '../run-failure.ts';

/** What a fresh answer to "where is it" says. */
export interface DownloadSource {
  /** A secret until it expires: never logged. */
  readonly url: string;
  /** Exact bytes; 0 when not known. */
  readonly sizeBytes: number;
  /** Lower-case hexadecimal; empty when not known. */
  readonly sha256: string;
}

export interface DownloadOptions {
  /** Asked at first and whenever the URL serves no longer. */
  readonly locate: () => Promise<DownloadSource>;
  readonly dispatcher: Dispatcher;
  /** More than this is refused, bytes. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** 0 to 1. */
  readonly onProgress: (fraction: number) => void;
  /** Milliseconds of the first pause between two tries; 200 by default. */
  readonly firstPauseMs?: number;
}

const maxPauseMs = 10_000;
/** Milliseconds without a byte after which a try is given up. */
const idleMs = 30_000;
/** How often content of another size or hash than declared is fetched anew, for the fault may lie on the way. */
const maxMismatches = 2;

/**
 * Streams an object to a file, going on where a broken connection left off (RFC 9110 section 14), and checks its size and SHA-256.
 * Tries until the signal aborts.
 *
 * @returns the SHA-256 of what is in the file, in lower-case hexadecimal
 * @throws RunFailure `source_missing` when it is not there, `source_invalid` when it is not what was declared
 */
export async function download(path: string, options: DownloadOptions): Promise<string> {
  // Appending: after it was truncated a file grows from its start again.
  await using file = await open(path, 'a', 0o600);
  await file.truncate(0);
  const transfer = new Transfer(file, options);
  let mismatches = 0;
  for (let attempt = 0; ; attempt += 1) {
    options.signal.throwIfAborted();
    const outcome = await transfer.tryOnce();
    if (outcome === 'complete' && transfer.isAsDeclared()) return transfer.sha256;
    if (outcome === 'complete') {
      mismatches += 1;
      if (mismatches >= maxMismatches)
        throw new RunFailure('source_invalid', 'the uploaded source is not what was declared (size or SHA-256); upload it again');
      await transfer.restart();
    }
    const pauseMs = Math.min((options.firstPauseMs ?? 200) * 2 ** Math.min(attempt, 10), maxPauseMs) * (0.5 + Math.random());
    options.log.warn({ received: transfer.received, outcome, pauseMs: Math.round(pauseMs) }, 'the download broke off; trying again');
    await delay(pauseMs, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
  }
}

class Transfer {
  readonly #file: FileHandle;
  readonly #options: DownloadOptions;
  #source: DownloadSource | null = null;
  #hash = createHash('sha256');
  #etag = '';
  received = 0;

  constructor(file: FileHandle, options: DownloadOptions) {
    this.#file = file;
    this.#options = options;
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#etag = '';
    this.received = 0;
  }

  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  isAsDeclared(): boolean {
    const { sizeBytes, sha256 } = this.#source!;
    return (sizeBytes === 0 || sizeBytes === this.received) && (sha256 === '' || sha256 === this.sha256);
  }

  /** `broken`: what came stays, and the next try asks for the rest. `expired`: the next try asks for a new URL. */
  async tryOnce(): Promise<'complete' | 'broken' | 'expired'> {
    const { locate, dispatcher, signal } = this.#options;
    this.#source ??= await locate();
    const resume = this.received > 0 ? { range: `bytes=${this.received}-`, ...(this.#etag === '' ? {} : { 'if-range': this.#etag }) } : {};
    try {
      const response = await request(this.#source.url, {
        dispatcher,
        signal,
        headers: resume,
        headersTimeout: idleMs,
        bodyTimeout: idleMs,
      });
      return await this.#take(response);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RunFailure || isLocal(error)) throw error;
      return 'broken';
    }
  }

  async #take({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<'complete' | 'broken' | 'expired'> {
    switch (statusCode) {
      case 200:
        if (this.received > 0) await this.restart();
        break;
      case 206:
        if (startsAt(headers['content-range'], this.received)) break;
        await body.dump();
        await this.restart();
        return 'broken';
      case 404:
      case 410:
        await body.dump();
        throw new RunFailure('source_missing', 'the uploaded source is gone; upload it again');
      case 401:
      case 403:
        await body.dump();
        this.#source = null;
        return 'expired';
      case 416:
        // Nothing is left to come, or the object has become another one.
        await body.dump();
        if (this.received === this.#source!.sizeBytes) return 'complete';
        await this.restart();
        return 'broken';
      default:
        await body.dump();
        return 'broken';
    }
    this.#etag = typeof headers.etag === 'string' && !headers.etag.startsWith('W/') ? headers.etag : '';
    await this.#write(body);
    return 'complete';
  }

  async #write(body: AsyncIterable<Buffer>): Promise<void> {
    const { maxBytes, onProgress } = this.#options;
    const { sizeBytes } = this.#source!;
    for await (const chunk of body) {
      await this.#file.appendFile(chunk);
      this.#hash.update(chunk);
      this.received += chunk.length;
      if (this.received > maxBytes) throw new RunFailure('source_invalid', `the uploaded source has more than ${maxBytes} bytes`);
      if (sizeBytes > 0) onProgress(this.received / sizeBytes);
    }
  }
}

function startsAt(contentRange: string | string[] | undefined, offset: number): boolean {
  return typeof contentRange === 'string' && contentRange.startsWith(`bytes ${offset}-`);
}

/** Whether the fault is this machine's disk, not the network's. */
function isLocal(error: unknown): boolean {
  return ['ENOSPC', 'EIO', 'EROFS', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '');
}
