import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';

/** Where the address of the API server and the credentials for it come from. */
export type ConnectionSource = { readonly kind: 'in-cluster' } | { readonly kind: 'file'; readonly path: string };

export interface OpenConnection {
  /** Without a slash at its end. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
}

interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Milliseconds for which credentials are used before their files are read again; a rotated token is valid much longer. */
const credentialLifeMs = 10_000;
/** Milliseconds of idleness after which the kernel asks whether the peer is there: less than a load balancer's patience. */
const probeAfterMs = 30_000;

/**
 * Connections to one API server that are kept alive, with credentials that follow their files. The generated client makes
 * an agent, and so a connection, for each request.
 */
export class KubernetesConnection {
  readonly #source: ConnectionSource;
  #kubeConfig: Promise<KubeConfig> | null = null;
  #open: Promise<OpenConnection> | null = null;
  #openedAt = 0;
  #tls: TlsOptions = {};
  #dispatcher: Dispatcher | null = null;
  #isClosed = false;

  constructor(source: ConnectionSource) {
    this.#source = source;
  }

  /** Throws an error that names the file when credentials cannot be read. */
  async open(): Promise<OpenConnection> {
    const now = performance.now();
    if (this.#open === null || now - this.#openedAt > credentialLifeMs) {
      this.#openedAt = now;
      this.#open = this.#connect();
      this.#open.catch(() => this.reload());
    }
    return this.#open;
  }

  /** Reads everything anew before the next request: the server did not accept what it got. */
  reload(): void {
    this.#open = null;
    this.#kubeConfig = null;
  }

  /** Ends all connections and what runs over them; none is made any more. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.reload();
    await this.#dispatcher?.destroy();
  }

  async #connect(): Promise<OpenConnection> {
    this.#kubeConfig ??= loadKubeConfig(this.#source);
    const kubeConfig = await this.#kubeConfig;
    const cluster = kubeConfig.getCurrentCluster();
    if (cluster === null) throw new Error(`${describe(this.#source)} names no cluster in its current context`);
    const options: RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(options);
    const headers = { ...(options.headers as Record<string, string> | undefined), ...basicAuthorization(options.auth) };
    const dispatcher = this.#dispatcherFor(tlsOf(options), cluster.proxyUrl);
    return { server: cluster.server.replace(/\/$/, ''), headers, dispatcher };
  }

  /** The one in use, as long as certificates stay what they are. Requests on a former one run to their end. */
  #dispatcherFor(tls: TlsOptions, proxyUrl: string | undefined): Dispatcher {
    if (this.#isClosed) throw new Error('the connection was closed');
    if (this.#dispatcher !== null && isDeepStrictEqual(tls, this.#tls)) return this.#dispatcher;
    void this.#dispatcher?.close().catch(() => undefined);
    this.#tls = tls;
    this.#dispatcher = createDispatcher(tls, proxyUrl);
    return this.#dispatcher;
  }
}

/** Deadlines are the client's own, per request, so the dispatcher has none. HTTP/1.1: one lost connection is one lost request. */
function createDispatcher(tls: TlsOptions, proxyUrl: string | undefined): Dispatcher {
  const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: probeAfterMs };
  const options = { allowH2: false, headersTimeout: 0, bodyTimeout: 0 };
  return proxyUrl === undefined ? new Agent({ ...options, connect }) : new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
}

async function loadKubeConfig(source: ConnectionSource): Promise<KubeConfig> {
  const kubeConfig = new KubeConfig();
  switch (source.kind) {
    case 'in-cluster':
      kubeConfig.loadFromCluster();
      return kubeConfig;
    case 'file':
      await readFile(source.path);
      kubeConfig.loadFromFile(source.path);
      return kubeConfig;
  }
}

function describe(source: ConnectionSource): string {
  return source.kind === 'file' ? source.path : 'the service account';
}

function tlsOf({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): TlsOptions {
  const all = { ca, cert, key, servername, rejectUnauthorized };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function basicAuthorization(auth: string | null | undefined): Record<string, string> {
  return auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
}
