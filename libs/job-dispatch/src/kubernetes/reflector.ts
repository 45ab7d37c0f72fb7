import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from './api-error.ts';
import type { ApiRequest, KubernetesClient } from './client.ts';
import type { WireList } from './resources.ts';
import { readItems } from './reflector-items.ts';
import { readLines, StreamBrokenError } from './reflector-lines.ts';

/** What a reflector keeps of an object. */
export interface Reflected {
  readonly name: string;
  /** Its `resourceVersion`. */
  readonly version: string;
}

export interface ReflectorOptions<Raw, Kept extends Reflected> {
  /** Of the resources of one kind in one namespace. */
  readonly path: string;
  readonly labelSelector: string;
  /** What is kept of an object, at once, so that nothing else of it stays in memory; null for one that does not count. */
  readonly read: (object: Raw) => Kept | null;
  /** It came, or is another now. */
  readonly onChange: (object: Kept) => void;
  /** It went. The last that is known of it: from a watch, how it was when it was deleted. */
  readonly onGone: (object: Kept) => void;
  /** Gets every error; the reflector goes on. */
  readonly onError: (error: unknown) => void;
  readonly timing?: Partial<ReflectorTiming>;
}

/** Milliseconds. */
export interface ReflectorTiming {
  /** How long the server keeps a watch open; it tells how far it is shortly before. */
  readonly watchMs: number;
  /** A watch in which no line comes for so long is dead. More than `watchMs`. */
  readonly silenceMs: number;
  /** The first pause after a failure; each later one is twice as long, up to `longestPauseMs`. */
  readonly pauseMs: number;
  readonly longestPauseMs: number;
  /** After so long everything is listed again, in case a watch has left something out. */
  readonly relistMs: number;
}

/** Half a minute finds a frozen watch as fast as a periodic check would, for four requests a minute. */
const defaultTiming: ReflectorTiming = { watchMs: 30_000, silenceMs: 40_000, pauseMs: 250, longestPauseMs: 10_000, relistMs: 1_800_000 };
const pageSize = 500;
/** Bytes. etcd takes 1.5 MiB for an object, of which JSON makes a few times as much. */
const longestObject = 8 * 2 ** 20;

interface Metadata {
  readonly name?: string;
  readonly resourceVersion?: string;
}

type WatchEvent<Raw> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Raw & { readonly metadata: Metadata } }
  | { readonly type: 'BOOKMARK'; readonly object: { readonly metadata: Metadata } }
  | { readonly type: 'ERROR'; readonly object: { readonly code?: number; readonly message?: string; readonly reason?: string } };

/**
 * A copy of all objects of one kind, less what nobody needs of them: lists them in pages, then follows a watch from there,
 * goes on from the last version that it saw when the watch ends, and lists anew when the server no longer knows that version.
 *
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export class Reflector<Raw, Kept extends Reflected> {
  readonly #client: Pick<KubernetesClient, 'stream'>;
  readonly #options: ReflectorOptions<Raw, Kept>;
  readonly #timing: ReflectorTiming;
  readonly #objects = new Map<string, Kept>();
  readonly #stopped = new AbortController();
  readonly #listed = Promise.withResolvers<void>();
  /** From where to watch; null when that is not known and everything is to be listed. */
  #version: string | null = null;
  #listedAt = 0;
  #heardAt = performance.now();
  /** When the current watch was opened, and when the last line of any came. */
  #openedAt = 0;
  #toldAt = 0;
  /** Failures in a row. */
  #failures = 0;
  #loop: Promise<void> | null = null;

  constructor(client: Pick<KubernetesClient, 'stream'>, options: ReflectorOptions<Raw, Kept>) {
    this.#client = client;
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
  }

  /** Resolves when everything is listed once, however long that takes; rejects when it is stopped before. */
  async start(): Promise<void> {
    this.#loop ??= this.#run();
    await this.#listed.promise;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    // Nobody may be waiting for the first list.
    this.#listed.promise.catch(() => undefined);
    this.#listed.reject(this.#stopped.signal.reason);
    await this.#loop;
  }

  get(name: string): Kept | undefined {
    return this.#objects.get(name);
  }

  values(): IterableIterator<Kept> {
    return this.#objects.values();
  }

  /** Drops an object that is of no more interest; its next change brings it back. */
  forget(name: string): void {
    this.#objects.delete(name);
  }

  /** When the server last answered or said anything, on the clock of `performance.now`. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /**
   * Whether what the server had at `time`, of the same clock, has been told by now: a watch that had caught up by then, or for
   * `lagMs` since it was opened, has gone on to tell something `lagMs` later.
   */
  hasCaughtUpWith(time: number, lagMs: number): boolean {
    return this.#toldAt >= Math.max(time, this.#openedAt) + lagMs;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        if (this.#version === null || performance.now() - this.#listedAt > this.#timing.relistMs) await this.#list();
        await this.#watch();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onError(error);
        if (error instanceof StreamBrokenError || isExpired(error)) this.#version = null;
        await this.#pause(error);
      }
    }
  }

  /** Without a `resourceVersion`, so that what is listed is never older than what is known. */
  async #list(): Promise<void> {
    const { signal } = this.#stopped;
    const seen = new Set<string>();
    let version: string | null = null;
    for (let limit = pageSize, token: string | undefined; version === null;) {
      try {
        const { metadata } = await this.#page(limit, token, seen);
        token = metadata.continue || undefined;
        if (token === undefined) version = metadata.resourceVersion ?? '';
      } catch (error) {
        signal.throwIfAborted();
        this.#options.onError(error);
        if (token !== undefined && isExpired(error)) {
          // The first page is too old to be continued: larger ones are done sooner.
          limit *= 2;
          token = undefined;
          seen.clear();
        }
        await this.#pause(error);
        signal.throwIfAborted();
      }
    }
    for (const [name, object] of this.#objects) if (!seen.has(name)) this.#remove(name, object);
    this.#version = version;
    this.#listedAt = performance.now();
    this.#listed.resolve();
  }

  async #page(limit: number, token: string | undefined, seen: Set<string>): Promise<Omit<WireList<Raw>, 'items'>> {
    const stream = this.#stream({ limit, continue: token });
    return readItems<WireList<Raw>, Raw>(stream, longestObject, (item) => this.#take(item, seen));
  }

  #take(item: Raw, seen: Set<string>): void {
    const object = this.#options.read(item);
    if (object === null) return;
    seen.add(object.name);
    if (this.#objects.get(object.name)?.version !== object.version) this.#put(object);
  }

  /** One watch, to its end. */
  async #watch(): Promise<void> {
    const { watchMs, pauseMs } = this.#timing;
    this.#openedAt = performance.now();
    const stream = this.#stream({
      ...{ watch: true, allowWatchBookmarks: true, timeoutSeconds: Math.ceil(watchMs / 1000) },
      resourceVersion: this.#version!,
    });
    for await (const line of readLines(stream, longestObject)) {
      this.#apply(parseEvent(line));
      this.#toldAt = performance.now();
      this.#failures = 0;
    }
    // A server that opens watches only to close them is failing.
    if (performance.now() - this.#openedAt < pauseMs) await this.#pause(null);
  }

  /** An answer as it comes. Throws when nothing comes for a while. */
  async *#stream(query: NonNullable<ApiRequest['query']>): AsyncGenerator<Uint8Array, void> {
    const { path, labelSelector } = this.#options;
    const { silenceMs } = this.#timing;
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error(`nothing was heard of ${path} for ${silenceMs} ms`)), silenceMs);
    const signal = AbortSignal.any([this.#stopped.signal, silence.signal]);
    try {
      const answer = await this.#client.stream({ method: 'GET', path, query: { labelSelector, ...query }, signal });
      this.#heardAt = performance.now();
      for await (const chunk of answer) {
        timer.refresh();
        this.#heardAt = performance.now();
        yield chunk;
      }
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #apply(event: WatchEvent<Raw>): void {
    if (event.type === 'ERROR') throw new StreamBrokenError(`the watch failed: ${event.object.reason} ${event.object.message}`);
    const { name, resourceVersion: version } = event.object.metadata;
    if (version === undefined) throw new StreamBrokenError('the watch told of an object without a version');
    const isLate = isOlder(version, this.#version!);
    if (event.type !== 'BOOKMARK') this.#applyChange(event.type, event.object, name ?? '', version, isLate);
    if (!isLate) this.#version = version;
  }

  #applyChange(type: 'ADDED' | 'MODIFIED' | 'DELETED', raw: Raw, name: string, version: string, isLate: boolean): void {
    const known = this.#objects.get(name);
    if (known !== undefined && isOlder(version, known.version)) return;
    if (type === 'DELETED') {
      if (known !== undefined) this.#remove(name, this.#options.read(raw) ?? known);
      return;
    }
    if (known?.version === version) return;
    // Either it was deleted meanwhile, or its event was overtaken by others.
    if (known === undefined && isLate) throw new StreamBrokenError(`the watch told of ${name} out of order`);
    const object = this.#options.read(raw);
    if (object !== null) this.#put(object);
    else if (known !== undefined) this.#remove(name, known);
  }

  #put(object: Kept): void {
    this.#objects.set(object.name, object);
    this.#options.onChange(object);
  }

  #remove(name: string, last: Kept): void {
    this.#objects.delete(name);
    this.#options.onGone(last);
  }

  /** After a failure: longer each time, never in step with others, and as long as the server asks. */
  async #pause(error: unknown): Promise<void> {
    const { pauseMs, longestPauseMs } = this.#timing;
    const pause = Math.min(longestPauseMs, pauseMs * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures += 1;
    const retryAfterMs = (error instanceof ApiError ? error.retryAfterMs : undefined) ?? 0;
    await delay(Math.max(pause, retryAfterMs), undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}

function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.code === 410;
}

function parseEvent<Raw>(line: string): WatchEvent<Raw> {
  try {
    return JSON.parse(line) as WatchEvent<Raw>;
  } catch {
    throw new StreamBrokenError('a line of the watch is not JSON');
  }
}

/**
 * Versions are numbers of growing size, officially since Kubernetes 1.35 and by etcd's nature ever before. Where they are
 * not, none is older than another, and what came last is newest.
 */
function isOlder(version: string, than: string): boolean {
  if (!/^[1-9]\d*$/.test(version) || !/^[1-9]\d*$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}
