import type { IncomingMessage } from 'node:http';
import type { Resource } from './resource.ts';
import { findResource } from './registry.ts';
import { plainError } from './status.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** What a request asks of which objects. */
export interface ApiRequest {
  readonly verb: Verb;
  readonly resource: Resource;
  /** Null for all namespaces, and where there are none. */
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
  readonly query: URLSearchParams;
}

const objectVerbs: Readonly<Record<string, Verb>> = { GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete', POST: 'create' };
const collectionVerbs: Readonly<Record<string, Verb>> = { GET: 'list', POST: 'create', DELETE: 'deletecollection' };

/** Null when the path is none of a resource. @throws ApiError 404 for a resource that is not served, 405 for a method it has not */
export function parseApiRequest(method: string, url: URL): ApiRequest | null {
  const parts = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const prefix = parts[0] === 'api' ? 2 : 3;
  if ((parts[0] !== 'api' && parts[0] !== 'apis') || parts.length <= prefix) return null;
  const [group, version] = parts[0] === 'api' ? ['', parts[1]!] : [parts[1]!, parts[2]!];
  // `namespaces/<name>` is the namespace itself, anything behind it lies in the namespace.
  const isNested = parts[prefix] === 'namespaces' && parts.length > prefix + 2;
  const namespace = isNested ? parts[prefix + 1]! : null;
  const [plural = '', name = null, subresource = null] = parts.slice(isNested ? prefix + 2 : prefix);
  const resource = findResource(group, version, plural);
  const isServed = resource !== undefined && (subresource === null || resource.subresources.includes(subresource));
  if (!isServed || (namespace !== null && !resource.isNamespaced))
    throw plainError(404, 'the server could not find the requested resource');
  const verb = name === null ? collectionVerb(method, url) : objectVerbs[method];
  const isMissing = verb === undefined || (verb === 'create' && name !== null && subresource === null);
  if (isMissing || (verb === 'create' && resource.isNamespaced && namespace === null)) throw notAllowed();
  if (resource.isReadOnly && !['get', 'list', 'watch'].includes(verb)) throw notAllowed();
  return { verb, resource, namespace, name, subresource, query: url.searchParams };
}

/** `jobs`, `pods/log`: as roles and faults name it. */
export function resourcePath({ resource, subresource }: ApiRequest): string {
  return subresource === null ? resource.plural : `${resource.plural}/${subresource}`;
}

function collectionVerb(method: string, url: URL): Verb | undefined {
  const isWatch = ['true', '1'].includes(url.searchParams.get('watch') ?? '');
  return method === 'GET' && isWatch ? 'watch' : collectionVerbs[method];
}

function notAllowed(): Error {
  return plainError(405, 'the server does not allow this method on the requested resource');
}

// As the API server: https://kubernetes.io/docs/reference/using-api/api-concepts/
const maxBodyBytes = 3 * 1024 * 1024;

/** @throws ApiError 413 for more than the API server takes, 400 for what is not JSON, 415 for another format */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > maxBodyBytes) throw plainError(413, `Request entity too large: limit is ${maxBodyBytes}`);
    chunks.push(chunk as Buffer);
  }
  if (size === 0) return undefined;
  const type = contentType(request);
  if (type !== '' && type !== '*/*' && !type.endsWith('json')) {
    throw plainError(415, `the body of the request was in an unknown format - accepted media types include: application/json`);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw plainError(400, `the object provided is unrecognized: ${(error as Error).message}`);
  }
}

export function contentType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim();
}

/** An object body. @throws ApiError 400 when there is none */
export async function readObject(request: IncomingMessage): Promise<object> {
  const body = await readBody(request);
  if (typeof body !== 'object' || body === null) throw plainError(400, 'the body of the request must be an object');
  return body;
}

/** A whole number of the query; null when it is not given. @throws ApiError 400 for something else */
export function numberOf(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null || text === '') return null;
  if (!/^\d+$/.test(text)) throw plainError(400, `invalid ${name}: ${JSON.stringify(text)}`);
  return Number(text);
}
