import { PassThrough, Readable } from 'node:stream';
import { eventually } from '@cloudscan/testing';
import type { ApiRequest } from '../src/kubernetes/client.ts';
import type { WireList } from '../src/kubernetes/resources.ts';

type Query = NonNullable<ApiRequest['query']>;

/** A watch as the server's side has it. */
export class ScriptedWatch {
  readonly query: Query;
  readonly stream = new PassThrough();

  constructor(query: Query) {
    this.query = query;
  }

  tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: object): void {
    this.write(`${JSON.stringify({ type, object })}\n`);
  }

  bookmark(version: string): void {
    this.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: version } } })}\n`);
  }

  fail(code: number): void {
    const object = { kind: 'Status', code, reason: code === 410 ? 'Expired' : 'InternalError', message: 'too bad' };
    this.write(`${JSON.stringify({ type: 'ERROR', object })}\n`);
  }

  write(text: string | Uint8Array): void {
    this.stream.write(text);
  }

  /** As a server does in good order. */
  close(): void {
    this.stream.end();
  }

  cut(): void {
    this.stream.destroy(new Error('read ECONNRESET'));
  }
}

/** An API server that answers what the test says. Without a script lists are empty and watches stay silent. */
export class ScriptedApi {
  readonly lists: Query[] = [];
  readonly watches: ScriptedWatch[] = [];
  onList: (query: Query) => WireList<object> | Promise<WireList<object>> = () => aList('100', []);
  /** Throws to refuse a watch. */
  onWatch: (query: Query) => void = () => undefined;

  async stream({ query = {}, signal }: ApiRequest): Promise<AsyncIterable<Buffer>> {
    signal?.throwIfAborted();
    if (query['watch'] !== true) return this.#list(query, signal);
    const watch = new ScriptedWatch(query);
    this.watches.push(watch);
    this.onWatch(query);
    signal?.addEventListener('abort', () => watch.stream.destroy(signal.reason as Error));
    return watch.stream;
  }

  async #list(query: Query, signal: AbortSignal | undefined): Promise<AsyncIterable<Buffer>> {
    this.lists.push(query);
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined);
    signal?.addEventListener('abort', () => aborted.reject(signal.reason));
    const list = await Promise.race([this.onList(query), aborted.promise]);
    return Readable.from([Buffer.from(JSON.stringify(list))]);
  }

  /** The n-th watch that was opened, from 0. */
  async watch(index = 0): Promise<ScriptedWatch> {
    return eventually(() => this.watches[index], { what: `watch ${index}` });
  }
}

/** @param token of the next page */
export function aList(version: string, items: readonly object[], token?: string): WireList<object> {
  return { metadata: { resourceVersion: version, ...(token === undefined ? {} : { continue: token }) }, items };
}
