import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serverCertificate } from '../certificate.ts';
import type { ContainerLog } from './container-runtime.ts';
import type { ContainerState } from './kubernetes-types.ts';
import type { PodWorker } from './pod-worker.ts';

type FindWorker = (namespace: string, pod: string) => PodWorker | null;

/** Milliseconds between two looks at a log that is followed. */
const followMs = 100;

/**
 * The kubelet's HTTPS server, as far as an API server asks it for logs: `/containerLogs/<namespace>/<pod>/<container>`. It
 * listens on the loopback interface and asks nobody who they are.
 */
export class LogServer {
  readonly #server: Server;
  readonly #findWorker: (namespace: string, pod: string) => PodWorker | null;

  private constructor(server: Server, findWorker: FindWorker) {
    this.#server = server;
    this.#findWorker = findWorker;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(findWorker: FindWorker): Promise<LogServer> {
    const { certificate: cert, key } = await serverCertificate(['127.0.0.1', 'localhost']);
    const server = createServer({ cert, key });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LogServer(server, findWorker);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://kubelet');
    const [kind, namespace, podName, container, ...rest] = url.pathname.slice(1).split('/').map(decodeURIComponent);
    if (kind !== 'containerLogs' || container === undefined || rest.length > 0) return refuse(response, 404, 'not found');
    const worker = this.#findWorker(namespace!, podName!);
    if (worker === null) return refuse(response, 404, `pod "${podName}" does not exist`);
    if (!worker.pod.spec.containers.some(({ name }) => name === container)) {
      return refuse(response, 404, `container "${container}" not found in pod "${podName}"`);
    }
    const log = worker.logOf(container);
    if (log === null)
      return refuse(response, 400, `container "${container}" in pod "${podName}" is ${whyNoLog(worker.stateOf(container))}`);
    const isRunning = (): boolean => worker.stateOf(container)?.running !== undefined && !response.destroyed;
    await writeLog(response, log, url.searchParams, isRunning);
  }
}

function whyNoLog(state: ContainerState | null): string {
  return state?.terminated === undefined ? `waiting to start: ${state?.waiting?.reason ?? 'ContainerCreating'}` : 'terminated';
}

/** As the kubelet reads logs: from where the last `tailLines` begin, and from there no more than `limitBytes`. */
async function writeLog(response: ServerResponse, log: ContainerLog, query: URLSearchParams, isRunning: () => boolean): Promise<void> {
  const tailLines = numberIn(query, 'tailLines');
  let allowed = numberIn(query, 'limitBytes') ?? Infinity;
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  let text = await log.read(0);
  let offset = text.length;
  if (tailLines !== null) text = text.subarray(startOfTail(text, tailLines));
  for (let isLast = query.get('follow') !== 'true'; ;) {
    const part = text.subarray(0, allowed);
    allowed -= part.length;
    if (part.length > 0 && !response.write(part) && !response.destroyed)
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
    if (isLast || allowed <= 0 || response.destroyed) break;
    isLast = !isRunning();
    if (!isLast) await delay(followMs);
    text = await log.read(offset);
    offset += text.length;
  }
  response.end();
}

/** Where the last `lines` lines begin; a last line without its end counts as one. */
function startOfTail(text: Buffer, lines: number): number {
  if (lines <= 0) return text.length;
  let at = text.at(-1) === 0x0a ? text.length - 1 : text.length;
  for (let left = lines; left > 0; left -= 1) {
    at = at === 0 ? -1 : text.lastIndexOf(0x0a, at - 1);
    if (at === -1) return 0;
  }
  return at + 1;
}

function numberIn(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  return text === null ? null : Number(text);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(message);
}
