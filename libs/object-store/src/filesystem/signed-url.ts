import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@cloudscan/config';
import { ObjectStoreError } from '../errors.ts';
import { maxPartNumber } from '../object-store.ts';
import type { ExpectedBytes } from '../object-store.ts';

/** What one signed URL allows. */
export type Grant = PutGrant | PartGrant | GetGrant;

export interface PutGrant {
  readonly kind: 'put';
  readonly key: string;
  readonly expected: ExpectedBytes;
}

export interface PartGrant {
  readonly kind: 'part';
  readonly key: string;
  readonly uploadId: string;
  readonly partNumber: number;
  readonly maxBytes: number;
}

export interface GetGrant {
  readonly kind: 'get';
  readonly key: string;
  readonly filename: string;
  readonly contentType: string;
}

/** The query of a signed URL, in the order in which it is signed. */
const fieldNames = ['kind', 'expires', 'size', 'max', 'sha256', 'upload', 'part', 'filename', 'type'] as const;
type Fields = Readonly<Partial<Record<(typeof fieldNames)[number], string>>>;

const routePrefix = '/objects/';

/** Makes and checks URLs that carry one grant, its end and an HMAC-SHA256 over method, key and every field. */
export class UrlSigner {
  readonly #secret: Secret;
  readonly #publicUrl: () => string;

  /** @param publicUrl asked at each signature, since a free port is known only once the server listens; may have a path */
  constructor(secret: Secret, publicUrl: () => string) {
    this.#secret = secret;
    this.#publicUrl = publicUrl;
  }

  sign(grant: Grant, expiresAt: Date): string {
    const fields = fieldsOf(grant, expiresAt);
    const query = new URLSearchParams();
    for (const name of fieldNames) if (fields[name] !== undefined) query.set(name, fields[name]);
    query.set('signature', this.#signature(methodOf(grant), grant.key, fields).toString('base64url'));
    // No spelling of a key survives every client as it is: even %2e%2e is a dot segment to a URL parser.
    const path = Buffer.from(grant.key).toString('base64url');
    return `${this.#publicUrl().replace(/\/+$/, '')}${routePrefix}${path}?${query.toString()}`;
  }

  /**
   * @param target the request target as it came, path and query
   * @throws ObjectStoreError `not_found` for no URL of this store, `bad_signature`, `expired_url`
   */
  verify(method: string, target: string, now: Date): Grant {
    const { key, query } = this.#parseTarget(target);
    const fields = readFields(query);
    const given = Buffer.from(query.get('signature') ?? '', 'base64url');
    const wanted = this.#signature(method === 'HEAD' ? 'GET' : method, key, fields);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw badSignature();
    if (Number(fields.expires) * 1000 <= now.getTime())
      throw new ObjectStoreError('expired_url', 'the URL has expired; ask for a fresh one');
    return grantOf(key, fields);
  }

  #parseTarget(target: string): { readonly key: string; readonly query: URLSearchParams } {
    const [path = '', query = ''] = target.split('?', 2);
    const base = new URL(this.#publicUrl()).pathname.replace(/\/+$/, '');
    // A proxy in front may or may not have removed the public URL's path.
    const route = base !== '' && path.startsWith(`${base}/`) ? path.slice(base.length) : path;
    if (!route.startsWith(routePrefix)) throw new ObjectStoreError('not_found', 'there is nothing at this address');
    const key = Buffer.from(route.slice(routePrefix.length), 'base64url').toString();
    return { key, query: new URLSearchParams(query) };
  }

  #signature(method: string, key: string, fields: Fields): Buffer {
    const signed = JSON.stringify(['cloudscan-object-url-1', method, key, ...fieldNames.map((name) => fields[name] ?? null)]);
    return createHmac('sha256', this.#secret.reveal()).update(signed).digest();
  }
}

function methodOf(grant: Grant): 'PUT' | 'GET' {
  return grant.kind === 'get' ? 'GET' : 'PUT';
}

function fieldsOf(grant: Grant, expiresAt: Date): Fields {
  const common = { kind: grant.kind, expires: String(Math.floor(expiresAt.getTime() / 1000)) };
  switch (grant.kind) {
    case 'put': {
      const { sizeBytes, maxBytes, sha256 } = grant.expected;
      return {
        ...common,
        ...(sizeBytes === null ? {} : { size: String(sizeBytes) }),
        max: String(maxBytes),
        ...(sha256 === null ? {} : { sha256 }),
      };
    }
    case 'part':
      return { ...common, max: String(grant.maxBytes), upload: grant.uploadId, part: String(grant.partNumber) };
    case 'get':
      return { ...common, filename: grant.filename.toWellFormed(), type: grant.contentType };
  }
}

function readFields(query: URLSearchParams): Fields {
  const fields: Partial<Record<(typeof fieldNames)[number], string>> = {};
  for (const name of fieldNames) {
    const values = query.getAll(name);
    if (values.length > 1) throw badSignature();
    if (values[0] !== undefined) fields[name] = values[0];
  }
  return fields;
}

/** Only for fields whose signature holds: what is missing then was never signed by {@link fieldsOf}. */
function grantOf(key: string, fields: Fields): Grant {
  switch (fields.kind) {
    case 'put':
      return {
        kind: 'put',
        key,
        expected: {
          sizeBytes: fields.size === undefined ? null : Number(fields.size),
          maxBytes: Number(fields.max),
          sha256: fields.sha256 ?? null,
        },
      };
    case 'part': {
      const partNumber = Number(fields.part);
      if (!(partNumber >= 1 && partNumber <= maxPartNumber)) throw badSignature();
      return { kind: 'part', key, uploadId: fields.upload ?? '', partNumber, maxBytes: Number(fields.max) };
    }
    case 'get':
      return { kind: 'get', key, filename: fields.filename ?? '', contentType: fields.type ?? 'application/octet-stream' };
    default:
      throw badSignature();
  }
}

function badSignature(): ObjectStoreError {
  return new ObjectStoreError('bad_signature', 'the URL was not signed by this server for this method, path and size');
}
