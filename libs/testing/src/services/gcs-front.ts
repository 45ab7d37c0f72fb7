import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { buffer, json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { GcsRefusal } from './gcs-refusal.ts';
import { requireSignature } from './gcs-signature.ts';
import type { ServiceAccount } from './gcs-signature.ts';

interface ObjectResource {
  readonly name?: string;
  readonly generation?: string;
  readonly md5Hash?: string;
  readonly crc32c?: string;
}

/**
 * Stands before `fake-gcs-server` and does what that leaves out of Google Cloud Storage, as Google documents it:
 *
 * - The XML API is for signed URLs only; their V4 signature, their end, and that every `x-goog-` header is signed, are checked.
 * - `x-goog-if-generation-match` and `x-goog-content-length-range` of an upload hold, also against another upload at that time.
 * - An upload is answered with the ETag that the XML API has, the MD5 in hexadecimal; a GET with that ETag is answered 304.
 * - Composing keeps to `ifGenerationMatch` and to the generations of its sources; a composed object has no MD5.
 *
 * The JSON API is open to everyone.
 */
export class GcsFront {
  readonly #emulator: URL;
  readonly #account: ServiceAccount;
  readonly #server: Server;
  /** The last work on each object. */
  readonly #writes = new Map<string, Promise<unknown>>();
  readonly #composed = new Set<string>();

  constructor(emulator: URL, account: ServiceAccount) {
    this.#emulator = emulator;
    this.#account = account;
    this.#server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch((error: unknown) => refuse(incoming, response, error));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '', headers } = incoming;
    const isJson = /^\/(?:upload\/|download\/)?storage\/v1\//.test(target);
    if (!isJson) requireSignature({ method, target, headers }, this.#account, new Date());
    const { pathname, searchParams } = new URL(target, this.#emulator);
    const composition = /^\/storage\/v1(\/b\/[^/]+\/o\/[^/]+)\/compose$/.exec(pathname)?.[1];
    if (composition !== undefined) {
      await this.#alone(composition, () => this.#compose(composition, searchParams, incoming, response));
    } else if (isJson) {
      await this.#passJson(incoming, response);
    } else if (method === 'PUT') {
      const object = resourceOf(pathname);
      await this.#alone(object, () => this.#upload(object, incoming, response));
    } else {
      await this.#download(incoming, response);
    }
  }

  async #upload(object: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = incoming;
    await this.#requireGeneration(object, headers['x-goog-if-generation-match'] as string | undefined);
    const range = lengthRangeOf(headers);
    if (headers['content-length'] !== undefined) requireLength(Number(headers['content-length']), range);
    const answer = await this.#forward(incoming, [limited(range)]);
    const { md5Hash = '', crc32c = '', generation = '' } = (await json(answer)) as ObjectResource;
    if (answer.statusCode !== 200) throw new GcsRefusal(answer.statusCode ?? 500, 'InternalError');
    const etag = etagOf(md5Hash);
    response.writeHead(200, { ETag: etag, 'x-goog-generation': generation, 'x-goog-hash': `crc32c=${crc32c},md5=${md5Hash}` }).end();
  }

  async #download(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#forward(incoming);
    const md5 = /md5=(\S+)/.exec(String(answer.headers['x-goog-hash']))?.[1];
    const etag = md5 === undefined ? {} : { etag: etagOf(md5) };
    if ('etag' in etag && incoming.headers['if-none-match'] === etag.etag) {
      answer.destroy();
      response.writeHead(304, etag).end();
      return;
    }
    response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...etag });
    await pipeline(answer, response);
  }

  async #compose(object: string, query: URLSearchParams, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const { sourceObjects } = JSON.parse(body.toString()) as { sourceObjects: readonly ObjectResource[] };
    await this.#requireGeneration(object, query.get('ifGenerationMatch') ?? undefined);
    const folder = object.slice(0, object.lastIndexOf('/') + 1);
    for (const { name = '', generation } of sourceObjects) {
      const present = await this.#generationOf(folder + encodeURIComponent(name));
      if (present === '0' || (generation ?? present) !== present) throw new GcsRefusal(404, 'NoSuchKey');
    }
    const answer = await this.#call(incoming.method ?? '', incoming.url ?? '', incoming.headers, body);
    const made = (await json(answer)) as ObjectResource;
    if (answer.statusCode === 200) this.#composed.add(identityOf(made));
    sendJson(response, answer.statusCode ?? 500, this.#withoutMd5(made));
  }

  async #passJson(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#forward(incoming);
    const isResource = incoming.method === 'GET' && answer.headers['content-type']?.startsWith('application/json');
    if (!isResource || incoming.url?.includes('alt=media')) {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      await pipeline(answer, response);
      return;
    }
    const resource = (await json(answer)) as ObjectResource & { readonly items?: readonly ObjectResource[] };
    const items = resource.items === undefined ? {} : { items: resource.items.map((item) => this.#withoutMd5(item)) };
    sendJson(response, answer.statusCode ?? 500, { ...this.#withoutMd5(resource), ...items });
  }

  #withoutMd5({ md5Hash, ...resource }: ObjectResource): ObjectResource {
    return md5Hash === undefined || this.#composed.has(identityOf(resource)) ? resource : { ...resource, md5Hash };
  }

  async #requireGeneration(object: string, wanted: string | undefined): Promise<void> {
    if (wanted !== undefined && wanted !== (await this.#generationOf(object))) throw new GcsRefusal(412, 'PreconditionFailed');
  }

  /** 0 when there is no object. */
  async #generationOf(object: string): Promise<string> {
    const answer = await this.#call('GET', `/storage/v1${object}`, {});
    const { generation = '0' } = (await json(answer)) as ObjectResource;
    return answer.statusCode === 200 ? generation : '0';
  }

  /** Work on one object goes one after the other. */
  async #alone(object: string, work: () => Promise<void>): Promise<void> {
    const running = (this.#writes.get(object) ?? Promise.resolve()).then(work, work);
    const settled = running.catch(() => undefined);
    this.#writes.set(object, settled);
    await running.finally(() => {
      if (this.#writes.get(object) === settled) this.#writes.delete(object);
    });
  }

  async #forward(incoming: IncomingMessage, through: readonly Transform[] = []): Promise<IncomingMessage> {
    const outgoing = this.#request(incoming.method ?? '', incoming.url ?? '', incoming.headers);
    const [[answer]] = (await Promise.all([once(outgoing, 'response'), pipeline([incoming, ...through, outgoing])])) as [
      [IncomingMessage],
      void,
    ];
    return answer;
  }

  async #call(method: string, target: string, headers: IncomingHttpHeaders, body?: Buffer): Promise<IncomingMessage> {
    const outgoing = this.#request(method, target, headers);
    outgoing.end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return answer;
  }

  /** The emulator knows the XML API by the host. */
  #request(method: string, path: string, headers: OutgoingHttpHeaders) {
    const { hostname, port } = this.#emulator;
    return request({ hostname, port, method, path, headers: { ...headers, host: 'storage.googleapis.com' }, agent: false });
  }
}

type LengthRange = readonly [min: number, max: number];

function lengthRangeOf(headers: IncomingHttpHeaders): LengthRange {
  const range = headers['x-goog-content-length-range'];
  if (range === undefined) return [0, Infinity];
  const [, min, max] = /^(\d+),(\d+)$/.exec(String(range)) ?? [];
  if (min === undefined || max === undefined) throw new GcsRefusal(400, 'InvalidArgument');
  return [Number(min), Number(max)];
}

function requireLength(length: number, [min, max]: LengthRange): void {
  if (length < min) throw new GcsRefusal(400, 'EntityTooSmall');
  if (length > max) throw new GcsRefusal(400, 'EntityTooLarge');
}

/** An upload that does not say its length is measured as it comes; ended by an error, the emulator keeps nothing of it. */
function limited(range: LengthRange): Transform {
  let length = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      length += chunk.length;
      done(length > range[1] ? new GcsRefusal(400, 'EntityTooLarge') : null, chunk);
    },
    flush(done) {
      done(length < range[0] ? new GcsRefusal(400, 'EntityTooSmall') : null);
    },
  });
}

/** `/bucket/object` as the JSON API names it. */
function resourceOf(path: string): string {
  const [, bucket, name = ''] = /^\/([^/]+)\/(.+)$/.exec(path) ?? [];
  return `/b/${bucket}/o/${encodeURIComponent(decodeURIComponent(name))}`;
}

function identityOf({ name, generation }: ObjectResource): string {
  return `${name}#${generation}`;
}

function etagOf(md5: string): string {
  return `"${Buffer.from(md5, 'base64').toString('hex')}"`;
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body));
}

/** The rest of a refused upload is not read. */
function refuse(incoming: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || incoming.errored !== null) {
    response.destroy();
    return;
  }
  const { status, code } = error instanceof GcsRefusal ? error : { status: 502, code: String(error) };
  const body = incoming.url?.startsWith('/storage/')
    ? JSON.stringify({ error: { code: status, message: code } })
    : `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${code}</Code></Error>`;
  response.writeHead(status, { Connection: 'close', 'Content-Length': Buffer.byteLength(body) }).end(body);
  incoming.resume();
}
