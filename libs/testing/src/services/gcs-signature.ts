import { createHash, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { GcsRefusal } from './gcs-refusal.ts';

export interface ServiceAccount {
  readonly clientEmail: string;
  readonly publicKey: KeyObject;
}

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

const maxExpiresSeconds = 604_800;
const maxSkewMs = 15 * 60_000;

/**
 * Checks a V4 signed URL as Google Cloud Storage does: what was signed is computed anew from the request that came.
 * Source: https://cloud.google.com/storage/docs/authentication/canonical-requests
 *
 * @throws GcsRefusal
 */
export function requireSignature({ method, target, headers }: ReceivedRequest, account: ServiceAccount, now: Date): void {
  const [path = '', search = ''] = splitOnce(target, '?');
  const query = new URLSearchParams(search);
  const signature = takeParameter(query, 'X-Goog-Signature');
  const [algorithm, credential, date, expires, signedHeaders] = [
    'X-Goog-Algorithm',
    'X-Goog-Credential',
    'X-Goog-Date',
    'X-Goog-Expires',
    'X-Goog-SignedHeaders',
  ].map((name) => query.get(name) ?? malformed()) as [string, string, string, string, string];
  const scope = `${date.slice(0, 8)}/auto/storage/goog4_request`;
  if (algorithm !== 'GOOG4-RSA-SHA256' || credential !== `${account.clientEmail}/${scope}`) malformed();
  const names = signedHeaders.split(';');
  requireSignedHeaders(names, headers);
  const lines = names.map((name) => `${name}:${String(headers[name]).trim().replace(/\s+/g, ' ')}\n`).join('');
  const canonical = [method, path, canonicalQuery(query), lines, signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n');
  const text = [algorithm, date, scope, createHash('sha256').update(canonical).digest('hex')].join('\n');
  if (!/^(?:[0-9a-f]{2})+$/.test(signature) || !verify('RSA-SHA256', Buffer.from(text), account.publicKey, Buffer.from(signature, 'hex'))) {
    throw new GcsRefusal(403, 'SignatureDoesNotMatch');
  }
  requireInTime(date, expires, now);
}

function requireSignedHeaders(names: readonly string[], headers: IncomingHttpHeaders): void {
  const isOrdered = names.every((name, index) => index === 0 || names[index - 1]! < name);
  const isWhole = names.includes('host') && names.every((name) => headers[name] !== undefined);
  const unsigned = Object.keys(headers).filter((name) => /^x-(?:goog|amz)-/.test(name) && !names.includes(name));
  if (!isOrdered || !isWhole || unsigned.length > 0) throw new GcsRefusal(400, 'MalformedSecurityHeader');
}

function requireInTime(date: string, expires: string, now: Date): void {
  const [, day, time] = /^(\d{8})T(\d{6})Z$/.exec(date) ?? malformed();
  const from = Date.parse(`${day!.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time!.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`);
  const seconds = Number(expires);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > maxExpiresSeconds || Number.isNaN(from)) malformed();
  if (now.getTime() < from - maxSkewMs) throw new GcsRefusal(403, 'RequestTimeTooSkewed');
  if (now.getTime() >= from + seconds * 1000) throw new GcsRefusal(400, 'ExpiredToken');
}

function canonicalQuery(query: URLSearchParams): string {
  const pairs = [...query].map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`);
  return pairs.sort().join('&');
}

function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function takeParameter(query: URLSearchParams, name: string): string {
  const value = query.get(name) ?? malformed();
  query.delete(name);
  return value;
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function malformed(): never {
  throw new GcsRefusal(400, 'AuthorizationQueryParametersError');
}
