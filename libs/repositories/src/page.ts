import { createHash } from 'node:crypto';
import { invalidArgument } from '@cloudscan/domain';
import type { Page } from '@cloudscan/orchestration';

/** Above this, a total is a bound. */
export const maxExactTotal = 10_000;

/** Everything that makes a query what it is, the organization first; a token is good for an equal key only. */
export type QueryKey = readonly (string | null)[];
export type Cursor = readonly string[];

const digestLength = 16;

/**
 * Where the next page begins, tied to its query by a digest. The digest guards against mix-ups, not against forgery: all
 * that a forged token can reach is another place in the caller's own query.
 */
export function encodePageToken(key: QueryKey, cursor: Cursor): string {
  const body = Buffer.from(JSON.stringify(cursor));
  return Buffer.concat([digest(key, body), body]).toString('base64url');
}

/**
 * @returns null for the first page
 * @throws DomainError `invalid_argument` for `page_token`, when it was altered or belongs to another query
 */
export function decodePageToken(key: QueryKey, token: string | null): Cursor | null {
  if (token === null) return null;
  const bytes = Buffer.from(token, 'base64url');
  const body = bytes.subarray(digestLength);
  if (bytes.toString('base64url') !== token || !bytes.subarray(0, digestLength).equals(digest(key, body))) throw invalidPageToken();
  return JSON.parse(body.toString()) as Cursor;
}

export function invalidPageToken(): Error {
  return invalidArgument('page_token', 'is not from a previous page of this query; begin again without one');
}

/**
 * Makes a page of rows that were read with a limit of `pageSize + 1`.
 *
 * @param total counted up to `maxExactTotal + 1`
 */
export function toPage<Row, Item>(
  rows: readonly Row[],
  pageSize: number,
  total: number,
  key: QueryKey,
  toItem: (row: Row) => Item,
  cursorOf: (row: Row) => Cursor,
): Page<Item> {
  const shown = rows.slice(0, pageSize);
  const last = shown.at(-1);
  return {
    items: shown.map(toItem),
    nextPageToken: rows.length > pageSize && last !== undefined ? encodePageToken(key, cursorOf(last)) : null,
    totalCount: Math.min(total, maxExactTotal),
    totalCountExact: total <= maxExactTotal,
  };
}

function digest(key: QueryKey, body: Uint8Array): Buffer {
  return createHash('sha256').update(JSON.stringify(key)).update('\0').update(body).digest().subarray(0, digestLength);
}
