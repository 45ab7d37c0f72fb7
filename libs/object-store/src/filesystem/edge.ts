import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Service } from '@cloudscan/process';
import { ObjectStoreError } from '../errors.ts';
import type { ObjectStoreErrorCode } from '../errors.ts';
import { sendObject } from './download.ts';
import type { FilesystemObjectStore } from './filesystem-object-store.ts';
import type { Grant } from './signed-url.ts';

export interface EdgeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A transfer that moves fewer bytes than `minimumBytes` in a window is cut off; 32 KiB in 30 s by default. */
  readonly minimumRate?: { readonly windowMs: number; readonly minimumBytes: number };
  /** Milliseconds for the head of a request; 10,000 by default. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds that `stop` waits for transfers at work; 10,000 by default. */
  readonly drainMs?: number;
  readonly onTransfer?: (transfer: Transfer) => void;
  /** Gets what is a bug or a broken disk; the client sees status 500. */
  readonly onError?: (error: unknown) => void;
}

/** One request, once it is over. */
export interface Transfer {
  readonly method: string;
  /** 499 where the client went away. */
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
}

interface Rejection {
  readonly status: number;
  readonly code: ObjectStoreErrorCode | 'method_not_allowed' | 'internal';
  readonly message: string;
}

/** Milliseconds in which a refused client may finish sending, so that it reads the answer rather than a reset connection. */
const lingerMs = 2000;

/** The HTTP side of a filesystem store: PUT, GET and HEAD by signed URL and nothing else. */
export class FilesystemEdge implements Service {
  readonly #store: FilesystemObjectStore;
  readonly #options: EdgeOptions;
  readonly #server: Server;
  readonly #atWork = new Set<Promise<void>>();
  #stopping: Promise<void> | null = null;

  constructor(store: FilesystemObjectStore, options: EdgeOptions) {
    this.#store = store;
    this.#options = options;
    const handle = (request: IncomingMessage, response: ServerResponse): void => this.#track(request, response);
    const headersTimeout = options.headersTimeoutMs ?? 10_000;
    // Bodies have no time limit of their own: a large one is long at work, and the minimum rate ends one that hangs.
    this.#server = createServer({ requestTimeout: 0, headersTimeout, connectionsCheckingInterval: Math.min(headersTimeout, 5000) }, handle);
    this.#server.on('checkContinue', handle);
  }

  async start(): Promise<void> {
    this.#server.listen(this.#options.port, this.#options.host);
    await once(this.#server, 'listening');
  }

  /** The port in use, once started. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no new connection, lets transfers at work end, cuts off those that don't, and returns when nothing of them is left. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    const cutOff = setTimeout(() => this.#server.closeAllConnections(), this.#options.drainMs ?? 10_000);
    await Promise.all(this.#atWork);
    this.#server.closeAllConnections();
    await closed;
    clearTimeout(cutOff);
  }

  #track(request: IncomingMessage, response: ServerResponse): void {
    const handling = this.#handle(request, response).finally(() => this.#atWork.delete(handling));
    this.#atWork.add(handling);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const count = { bytesIn: 0, bytesOut: 0 };
    const stopWatching = watchRate(request, response, this.#options.minimumRate ?? { windowMs: 30_000, minimumBytes: 32_768 });
    response.on('error', () => undefined);
    try {
      await this.#serve(request, response, count);
    } catch (error) {
      if (!response.headersSent && !isGone(request, response)) await reject(request, response, this.#rejectionOf(error));
      else response.destroy();
    } finally {
      stopWatching();
      const status = response.writableFinished ? response.statusCode : 499;
      this.#options.onTransfer?.({ method: request.method ?? '', status, ...count, durationMs: performance.now() - startedAt });
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, count: { bytesIn: number; bytesOut: number }): Promise<void> {
    if (request.method !== 'PUT' && request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed;
    const grant = this.#store.signer.verify(request.method, request.url ?? '', new Date());
    if (grant.kind === 'get') {
      const object = await this.#store.objects.read(grant.key);
      if (object === null) throw new ObjectStoreError('not_found', 'there is no such object');
      return sendObject(request, response, object, grant, (range) => this.#store.objects.openBytes(object, range), count);
    }
    checkDeclaredLength(request, grant);
    if (request.headers.expect !== undefined) response.writeContinue();
    const etag = await this.#receive(grant, bytesOf(request, count));
    response.writeHead(200, { ETag: `"${etag}"`, 'Content-Length': 0 });
    await finish(response);
  }

  async #receive(grant: Exclude<Grant, { kind: 'get' }>, source: AsyncIterable<Uint8Array>): Promise<string> {
    if (grant.kind === 'put') return (await this.#store.objects.put(grant.key, source, grant.expected)).etag;
    return this.#store.multipart.putPart(grant.key, grant.uploadId, grant.partNumber, source, grant.maxBytes);
  }

  #rejectionOf(error: unknown): Rejection {
    if (error === methodNotAllowed) return methodNotAllowed;
    if (error instanceof ObjectStoreError) return { status: statusOf(error.code), code: error.code, message: error.message };
    this.#options.onError?.(error);
    return { status: 500, code: 'internal', message: 'internal error' };
  }
}

const methodNotAllowed: Rejection = { status: 405, code: 'method_not_allowed', message: 'only PUT, GET and HEAD are served here' };

function statusOf(code: ObjectStoreErrorCode): number {
  switch (code) {
    case 'bad_signature':
    case 'expired_url':
      return 403;
    case 'not_found':
    case 'upload_not_found':
      return 404;
    case 'conflict':
      return 409;
    case 'too_large':
      return 413;
    case 'disk_full':
      return 507;
    case 'bad_request':
    case 'invalid_part':
    case 'size_mismatch':
    case 'checksum_mismatch':
    case 'broken_upload':
      return 400;
  }
}

/** Refuses what cannot fit before a byte of it has come. */
function checkDeclaredLength(request: IncomingMessage, grant: Exclude<Grant, { kind: 'get' }>): void {
  const header = request.headers['content-length'];
  if (header === undefined) return;
  const declared = Number(header);
  const expected = grant.kind === 'put' ? grant.expected : { sizeBytes: null, maxBytes: grant.maxBytes };
  if (expected.sizeBytes !== null && declared !== expected.sizeBytes) {
    throw new ObjectStoreError('size_mismatch', `Content-Length is ${declared}; the URL is signed for exactly ${expected.sizeBytes} bytes`);
  }
  if (declared > expected.maxBytes)
    throw new ObjectStoreError('too_large', `Content-Length is ${declared}; at most ${expected.maxBytes} bytes are allowed`);
}

async function* bytesOf(request: IncomingMessage, count: { bytesIn: number }): AsyncGenerator<Uint8Array> {
  try {
    // A refused upload is answered, so leaving the loop must not destroy the connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      count.bytesIn += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw new ObjectStoreError('broken_upload', 'the upload broke off', error);
  }
  if (!request.complete) throw new ObjectStoreError('broken_upload', 'the upload broke off');
}

/** Cuts a connection off that moves too little; answers how to stop watching. */
function watchRate(
  request: IncomingMessage,
  response: ServerResponse,
  rate: { readonly windowMs: number; readonly minimumBytes: number },
): () => void {
  const { socket } = request;
  let before = socket.bytesRead + socket.bytesWritten;
  const timer = setInterval(() => {
    const now = socket.bytesRead + socket.bytesWritten;
    // Once everything came, what takes long is this side: the disk.
    const waitsForClient = !request.complete || response.writableLength > 0;
    if (waitsForClient && now - before < rate.minimumBytes) socket.destroy();
    before = now;
  }, rate.windowMs);
  return () => clearInterval(timer);
}

/** Answers with an error and lets the client finish sending for a moment; no more is read than its connection holds. */
async function reject(request: IncomingMessage, response: ServerResponse, { status, code, message }: Rejection): Promise<void> {
  const body = request.method === 'HEAD' ? '' : `${JSON.stringify({ error: code, message })}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...(code === 'method_not_allowed' ? { Allow: 'PUT, GET, HEAD' } : {}),
    // A client that was not told to continue sends no body: the connection is of no further use.
    ...(request.headers.expect === undefined ? {} : { Connection: 'close' }),
  });
  response.end(body);
  if (request.complete) return finish(response);
  const { socket } = request;
  if (socket.destroyed) return;
  const cutOff = setTimeout(() => socket.destroy(), lingerMs);
  // Once it is answered, Node tells a request nothing of the end of its connection.
  const ended = Promise.race([once(request, 'end'), once(socket, 'close')]);
  request.resume();
  await ended.catch(() => undefined);
  clearTimeout(cutOff);
}

/** A request that came whole is destroyed too, with its connection still open. */
function isGone(request: IncomingMessage, response: ServerResponse): boolean {
  return response.destroyed || (request.destroyed && !request.complete);
}

/** Ends a response and waits until it was handed over, or its client is gone. */
async function finish(response: ServerResponse): Promise<void> {
  if (!response.writableEnded) response.end();
  if (response.writableFinished || response.closed) return;
  await Promise.race([once(response, 'finish'), once(response, 'close')]);
}
