import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerCertificate } from '../certificate.ts';
import { parseApiRequest, readObject, resourcePath } from './api-request.ts';
import type { ApiRequest } from './api-request.ts';
import { discover } from './discovery.ts';
import type { Fault, Faults } from './faults.ts';
import { handle, reviewAccess, sendJson } from './handlers.ts';
import type { Answer } from './handlers.ts';
import type { ObjectApi } from './object-api.ts';
import { proxyLog } from './pod-log.ts';
import { pods } from './resources/pods.ts';
import { ApiError, plainError } from './status.ts';
import { Watching } from './watching.ts';

const loopback = '127.0.0.1';
/** Longer than clients keep a connection, so that none is closed while a request is under way on it. */
const keepAliveMs = 300_000;
const controlPath = '/simulator/faults';
const requestsPath = '/simulator/requests';
const reviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
/** Pieces in which a slow answer comes. */
const slowPieces = 5;

export interface ApiServerOptions {
  readonly api: ObjectApi;
  readonly faults: Faults;
  readonly certificate: ServerCertificate;
  readonly token: string;
}

/** Serves an {@link ObjectApi} as the Kubernetes API over HTTPS, with the faults that are set. */
export class ApiServer {
  readonly #api: ObjectApi;
  readonly #faults: Faults;
  readonly #token: string;
  readonly #server: Server;
  /** By the client's port: what lies under TLS, where alone a connection can be reset. */
  readonly #sockets = new Map<number | undefined, Socket>();
  readonly #closing = new AbortController();
  /** How often each verb was used on each resource, such as `create jobs` or `get pods/log`. */
  readonly requests = new Map<string, number>();

  constructor({ api, faults, certificate, token }: ApiServerOptions) {
    this.#api = api;
    this.#faults = faults;
    this.#token = token;
    this.#server = createServer({ cert: certificate.certificate, key: certificate.key, keepAliveTimeout: keepAliveMs, requestTimeout: 0 });
    this.#server.on('connection', (socket: Socket) => {
      const { remotePort } = socket;
      this.#sockets.set(remotePort, socket);
      socket.once('close', () => this.#sockets.delete(remotePort));
    });
    this.#server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** @param port 0 for any free one. Returns the port. */
  async listen(port: number): Promise<number> {
    this.#server.listen(port, loopback);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends at once, with every connection. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#closing.abort();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response, new URL(request.url ?? '/', 'https://localhost'));
    } catch (error) {
      sendError(response, error);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (['/healthz', '/livez', '/readyz'].includes(url.pathname)) return void response.end('ok');
    if (request.headers.authorization !== `Bearer ${this.#token}`) throw plainError(401, 'Unauthorized');
    if (url.pathname.startsWith('/simulator/')) return this.#control(request, response, url);
    const method = request.method ?? 'GET';
    const known = method === 'GET' ? discover(url.pathname) : null;
    if (known !== null) return sendJson(response, { code: 200, body: JSON.stringify(known) });
    if (url.pathname === reviewPath)
      return sendJson(response, { code: 201, body: JSON.stringify(reviewAccess(await readObject(request))) });
    const asked = parseApiRequest(method, url);
    if (asked === null) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    this.#count(asked);
    await this.#answer(asked, request, response);
  }

  async #answer(asked: ApiRequest, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.#faults.ofRequest(asked);
    const effect = fault?.effect;
    if (effect?.kind === 'status') throw faultStatus(effect);
    if (effect?.kind === 'hang') return;
    if (effect?.kind === 'reset' && effect.when === 'before') return this.#reset(request);
    if (effect?.kind === 'slow') await this.#pause(effect.delayMs);
    if (asked.verb === 'watch') return new Watching(this.#api, asked, response, this.#faults, request.headers.accept ?? '').start();
    if (asked.subresource === 'log') return proxyLog(this.#api, this.#api.get(pods, asked.namespace, asked.name!), asked.query, response);
    const answer = await handle(this.#api, asked, request, effect?.kind === 'stale' ? fault!.revision : null);
    if (effect?.kind === 'reset') return this.#reset(request);
    if (effect?.kind === 'slow') return this.#sendSlowly(response, answer, effect.delayMs);
    sendJson(response, answer);
  }

  /** Lets other processes set faults and see what was asked. */
  async #control(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const id = url.pathname.startsWith(`${controlPath}/`) ? url.pathname.slice(controlPath.length + 1) : null;
    const send = (code: number, body: object): void => sendJson(response, { code, body: JSON.stringify(body) });
    switch (`${request.method} ${id === null ? url.pathname : controlPath}`) {
      case `GET ${controlPath}`:
        return send(200, this.#faults.list());
      case `POST ${controlPath}`:
        return send(201, { id: this.#addFault((await readObject(request)) as Fault) });
      case `DELETE ${controlPath}`:
        if (id === null) this.#faults.clear();
        else this.#faults.remove(id);
        return send(200, {});
      case `GET ${requestsPath}`:
        return send(200, Object.fromEntries(this.requests));
      case 'POST /simulator/compact':
        this.#api.store.compact();
        return send(200, {});
      default:
        throw plainError(404, 'the simulator has no such control');
    }
  }

  #addFault(fault: Fault): string {
    try {
      return this.#faults.add(fault);
    } catch (error) {
      throw plainError(400, (error as Error).message);
    }
  }

  #count(asked: ApiRequest): void {
    const name = `${asked.verb} ${resourcePath(asked)}`;
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
  }

  /** Of the machine's time, whatever the cluster's clock says: it is the network that is slow. */
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  /** A reset on the wire: an ordinary end could be taken for an answer that is complete. */
  #reset({ socket }: IncomingMessage): void {
    this.#sockets.get(socket.remotePort)?.resetAndDestroy();
  }

  async #sendSlowly(response: ServerResponse, { code, body }: Answer, delayMs: number): Promise<void> {
    const bytes = Buffer.from(body);
    const size = Math.ceil(bytes.length / slowPieces);
    response.writeHead(code, { 'content-type': 'application/json', 'content-length': bytes.length });
    for (let start = 0; start < bytes.length; start += size) {
      response.write(bytes.subarray(start, start + size));
      await this.#pause(delayMs / slowPieces);
    }
    response.end();
  }
}

function faultStatus({ code, retryAfterSeconds, message }: Extract<Fault['effect'], { kind: 'status' }>): ApiError {
  return plainError(code, message ?? `a fault of the test answers ${code}`, retryAfterSeconds);
}

function sendError(response: ServerResponse, error: unknown): void {
  const failure =
    error instanceof ApiError ? error : plainError(500, error instanceof Error ? (error.stack ?? error.message) : String(error));
  if (response.headersSent) return void response.destroy();
  const { retryAfterSeconds } = failure.details;
  const headers: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  sendJson(response, { code: failure.code, body: JSON.stringify(failure) }, headers);
}
