import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import type { ClusterAccess } from './kubeconfig.ts';

export interface ClusterRequest {
  readonly method?: string;
  /** Sent as JSON, unless it is a string. */
  readonly body?: unknown;
  /** `application/json` by default; a patch needs its own. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly signal?: AbortSignal;
}

export interface ClusterResponse {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Parsed when it is JSON, else text. */
  readonly body: unknown;
}

export interface WatchEvent<Body> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Body;
}

/** Speaks to a Kubernetes API with nothing in between, so that tests see what was really answered. Keeps connections alive. */
export class ClusterClient {
  readonly #access: ClusterAccess;
  readonly #agent: Agent;

  constructor(access: ClusterAccess) {
    this.#access = access;
    this.#agent = new Agent({
      keepAlive: true,
      ca: access.certificateAuthority,
      cert: access.clientCertificate ?? undefined,
      key: access.clientKey ?? undefined,
    });
  }

  async send(path: string, options: ClusterRequest = {}): Promise<ClusterResponse> {
    const response = await this.open(path, options);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
    return { status: response.statusCode!, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  /** The events of a watch until the server ends it or `signal` aborts; an answer that is not 200 throws. */
  async *watch<Body>(path: string, options: ClusterRequest = {}): AsyncGenerator<WatchEvent<Body>, void> {
    const response = await this.open(path, { ...options, query: { ...options.query, watch: true } });
    if (response.statusCode !== 200) {
      response.destroy();
      throw new Error(`the watch of ${path} was answered with ${response.statusCode}`);
    }
    try {
      for await (const line of createInterface(response)) if (line !== '') yield JSON.parse(line) as WatchEvent<Body>;
    } catch (error) {
      if (options.signal?.aborted !== true) throw error;
    } finally {
      response.destroy();
    }
  }

  /** The answer with its body still to come. */
  async open(path: string, options: ClusterRequest = {}): Promise<IncomingMessage> {
    const { method = 'GET', body, contentType = 'application/json', accept = 'application/json', query = {}, signal } = options;
    const url = new URL(path, this.#access.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const sent = request(url, {
      method,
      agent: this.#agent,
      signal,
      headers: {
        accept,
        ...(this.#access.token !== null && { authorization: `Bearer ${this.#access.token}` }),
        ...(payload !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) }),
      },
    });
    sent.end(payload);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  /** Ends its connections, also those at work. */
  close(): void {
    this.#agent.destroy();
  }
}
