import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import type { ClusterAccess } from '../kubeconfig.ts';
import type { KubernetesObject } from './kubernetes-types.ts';

/** What the API server refused, by the words of its `Status` (reason and message). */
export class KubernetesApiError extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** Such as `NotFound`, `AlreadyExists`, `Conflict`, `Expired`. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'KubernetesApiError';
    this.status = status;
    this.reason = reason;
  }
}

export type WatchEvent<T> = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T };

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface ListPage<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[] | null;
}

type PatchType = keyof typeof patchTypes;

const patchTypes = { strategic: 'application/strategic-merge-patch+json', merge: 'application/merge-patch+json' } as const;

/** Objects of one page of a list. */
const pageSize = 500;
/** Seconds after which the server is asked to end a watch. */
const watchSeconds = 60;
/** Milliseconds without a byte after which a watch counts as frozen: more than the server gives it. */
const watchSilenceMs = (watchSeconds + 5) * 1000;
/** Milliseconds for any other request. */
const requestMs = 15_000;

/** A small client of the Kubernetes API: as much of it as a kubelet needs. Connections are kept alive. */
export class KubernetesApi implements AsyncDisposable {
  readonly #server: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;

  /** @param connections how many requests may be under way at once, watches apart */
  constructor(access: ClusterAccess, connections = 32) {
    this.#server = access.url;
    this.#headers = { accept: 'application/json', ...(access.token === null ? {} : { authorization: `Bearer ${access.token}` }) };
    const { certificateAuthority: ca, clientCertificate: cert, clientKey: key } = access;
    this.#agent = new Agent({ connections: connections + 1, connect: { ca, cert: cert ?? undefined, key: key ?? undefined } });
  }

  async get<T>(path: string): Promise<T> {
    const { statusCode, body } = await this.#request('GET', path, { bodyTimeout: requestMs });
    if (statusCode !== 200) throw refusal(statusCode, await body.text());
    return (await body.json()) as T;
  }

  async create<T>(path: string, object: object): Promise<T> {
    const headers = { ...this.#headers, 'content-type': 'application/json' };
    const { statusCode, body } = await this.#request('POST', path, { body: JSON.stringify(object), headers, bodyTimeout: requestMs });
    if (statusCode >= 300) throw refusal(statusCode, await body.text());
    return (await body.json()) as T;
  }

  /**
   * Writes, and leaves the answer's object unread.
   *
   * @param patchType of a PATCH
   */
  async send(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, object: object, patchType: PatchType = 'strategic'): Promise<void> {
    const contentType = method === 'PATCH' ? patchTypes[patchType] : 'application/json';
    const headers = { ...this.#headers, 'content-type': contentType };
    const { statusCode, body } = await this.#request(method, path, { body: JSON.stringify(object), headers, bodyTimeout: requestMs });
    if (statusCode >= 300) throw refusal(statusCode, await body.text());
    await body.dump();
  }

  /** @param options a `DeleteOptions`, such as grace period and preconditions */
  async delete(path: string, options: object = {}): Promise<void> {
    await this.send('DELETE', path, options);
  }

  /** Everything that a list holds, read in pages, and the version from which a watch goes on. */
  async list<T>(path: string, query: Query = {}): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }> {
    const items: T[] = [];
    let page: ListPage<T>;
    let next: string | undefined;
    do {
      page = await this.get<ListPage<T>>(withQuery(path, { ...query, limit: pageSize, continue: next }));
      items.push(...(page.items ?? []));
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    return { items, resourceVersion: page.metadata.resourceVersion };
  }

  /**
   * Ends when the server ends it, as it does every minute or so. Throws {@link KubernetesApiError} for an ERROR event too
   * (410 `Expired` when `resourceVersion` is too old), and any error of the connection.
   */
  async *watch<T extends KubernetesObject>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const url = withQuery(path, { ...query, watch: true, allowWatchBookmarks: true, timeoutSeconds: watchSeconds });
    const { statusCode, body } = await this.#request('GET', url, { signal, bodyTimeout: watchSilenceMs });
    if (statusCode !== 200) throw refusal(statusCode, await body.text());
    for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
      const event = JSON.parse(line) as WatchEvent<T> | { readonly type: 'ERROR'; readonly object: object };
      if (event.type === 'ERROR') throw refusal(500, JSON.stringify(event.object));
      yield event;
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #request(method: Dispatcher.HttpMethod, path: string, options: Partial<Dispatcher.RequestOptions>): Promise<Dispatcher.ResponseData> {
    return request(`${this.#server}${path}`, {
      dispatcher: this.#agent,
      method,
      headers: this.#headers,
      headersTimeout: requestMs,
      ...options,
    });
  }
}

/**
 * Does it again, with growing pauses, while the API server is away, overloaded or lets nobody in. Throws what else it says,
 * and the last error once `signal` aborts.
 */
export async function untilAnswered<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 2000)) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || (error instanceof KubernetesApiError && !mayPass(error))) throw error;
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Also 401 and 403: credentials and rights come back. */
function mayPass({ status }: KubernetesApiError): boolean {
  return status === 401 || status === 403 || status === 429 || status >= 500;
}

function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return `${path}?${parameters.toString()}`;
}

/** An error by the `Status` object that answers come with; a proxy in between may answer with something else. */
function refusal(status: number, body: string): KubernetesApiError {
  try {
    const { code = status, reason = 'Unknown', message = body } = JSON.parse(body) as { code?: number; reason?: string; message?: string };
    return new KubernetesApiError(code, reason, message);
  } catch {
    return new KubernetesApiError(status, 'Unknown', body.slice(0, 200));
  }
}
