import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { ApiError, isTransient, TransportError } from './api-error.ts';
import type { ApiStatus } from './api-error.ts';
import type { KubernetesConnection } from './connection.ts';

export interface ClientOptions {
  /** Sent as user agent, which is also the field manager of what is written. */
  readonly userAgent: string;
  /** Milliseconds that one try may take, its answer's body included. */
  readonly tryTimeoutMs: number;
  /** Milliseconds that a call may take with all its tries. */
  readonly callTimeoutMs: number;
  readonly maxTries: number;
  /** Milliseconds of the first pause, at most; each later one may be twice as long. */
  readonly backoffMs: number;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Begins with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: object;
  readonly signal?: AbortSignal;
}

/** What speaks to an API server; {@link KubernetesClient} does. */
export type ApiClient = Pick<KubernetesClient, 'json' | 'text' | 'stream'>;

/** Milliseconds. */
const longestBackoff = 10_000;
/** An error page of a proxy may be long. */
const messageLength = 1000;

/**
 * Calls the API of a cluster: JSON in and out, over connections that are kept alive, with a deadline for each call. Tries
 * again after errors of the connection, 429 and 5xx, and waits as long as the server asks; it has no rate limit of its own.
 *
 * Every call must be one that may be made twice, since an answer can be lost: a create is, for a named resource, when
 * AlreadyExists is looked into.
 *
 * Each method throws ApiError for a refusal, TransportError without an answer, and the signal's reason when that aborts.
 */
export class KubernetesClient {
  readonly #connection: KubernetesConnection;
  readonly #options: ClientOptions;

  constructor(connection: KubernetesConnection, options: ClientOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async json<T>(request: ApiRequest): Promise<T> {
    return this.#call(request, (body) => body.json() as Promise<T>);
  }

  async text(request: ApiRequest): Promise<string> {
    return this.#call(request, (body) => body.text());
  }

  /** Opens an answer without end, such as a watch, in one try; it ends with the signal or when the server ends it. */
  async stream(request: ApiRequest): Promise<AsyncIterable<Buffer>> {
    const opening = new AbortController();
    const timer = setTimeout(() => opening.abort(new TransportError('no answer in time')), this.#options.tryTimeoutMs);
    try {
      return await this.#send(request, opening.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #call<T>(request: ApiRequest, read: (body: Dispatcher.ResponseData['body']) => Promise<T>): Promise<T> {
    const { maxTries, callTimeoutMs, tryTimeoutMs } = this.#options;
    const giveUpAt = performance.now() + callTimeoutMs;
    for (let tries = 1; ; tries += 1) {
      try {
        const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(Math.min(tryTimeoutMs, giveUpAt - performance.now()))));
        return await this.#attempt(request, timeout, read);
      } catch (error) {
        const pauseMs = this.#pauseAfter(error, tries);
        if (pauseMs === null || tries >= maxTries || performance.now() + pauseMs >= giveUpAt) throw error;
        await delay(pauseMs, undefined, { signal: request.signal });
      }
    }
  }

  async #attempt<T>(request: ApiRequest, timeout: AbortSignal, read: (body: Dispatcher.ResponseData['body']) => Promise<T>): Promise<T> {
    const body = await this.#send(request, timeout);
    try {
      return await read(body);
    } catch (error) {
      throw lostOrAborted(error, request.signal);
    }
  }

  async #send({ method, path, query, body, signal }: ApiRequest, limit: AbortSignal): Promise<Dispatcher.ResponseData['body']> {
    try {
      const { server, headers, dispatcher } = await this.#connection.open();
      const { origin, pathname } = new URL(server);
      const response = await dispatcher.request({
        origin,
        path: `${pathname.replace(/\/$/, '')}${path}${queryString(query)}`,
        method,
        headers: { ...headers, accept: 'application/json', 'user-agent': this.#options.userAgent, ...contentTypeOf(method, body) },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      if (response.statusCode < 400) return response.body;
      throw new ApiError(response.statusCode, parseStatus(await response.body.text()), secondsOf(response.headers['retry-after']));
    } catch (error) {
      throw lostOrAborted(error, signal);
    }
  }

  /** Milliseconds to wait before the next try; null when there is to be none. */
  #pauseAfter(error: unknown, tries: number): number | null {
    if (!isTransient(error)) return null;
    // Perhaps the token was rotated.
    if (error instanceof ApiError && error.code === 401) this.#connection.reload();
    const jittered = Math.random() * Math.min(longestBackoff, this.#options.backoffMs * 2 ** (tries - 1));
    return jittered + ((error instanceof ApiError ? error.retryAfterMs : undefined) ?? 0);
  }
}

/** What a failed exchange is to the caller: a refusal stays one, its own abort is its own, the rest is a lost connection. */
function lostOrAborted(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof ApiError || error instanceof TransportError) return error;
  return signal?.aborted === true ? signal.reason : new TransportError(error);
}

function contentTypeOf(method: ApiRequest['method'], body: object | undefined): Record<string, string> {
  if (body === undefined) return {};
  return { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
}

function queryString(query: ApiRequest['query'] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

function parseStatus(text: string): ApiStatus {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // A proxy answers in HTML.
  }
  return { message: text.slice(0, messageLength) };
}

function secondsOf(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) ? seconds : undefined;
}
