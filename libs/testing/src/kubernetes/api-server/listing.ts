import type { ApiRequest } from './api-request.ts';
import { numberOf } from './api-request.ts';
import type { ObjectApi } from './object-api.ts';
import { apiVersionOf } from './resource.ts';
import type { Resource } from './resource.ts';
import { isEverything, matches, parseSelection } from './selectors.ts';
import type { Selection } from './selectors.ts';
import { ApiError, plainError } from './status.ts';
import { keysOf, lowerBound } from './store.ts';
import type { Collection, Snapshot, StoredObject } from './store.ts';
import { invalidValue, selectableFields } from './validation.ts';

/** One page of a list. */
export interface Page {
  readonly revision: number;
  readonly items: readonly StoredObject[];
  /** Of the next page; null on the last. */
  readonly continueToken: string | null;
  /** How many items come after it; unknown with selectors. */
  readonly remaining: number | null;
}

interface Position {
  /** At which the whole list is; -1 lets the next page be of whatever is newest. */
  readonly revision: number;
  /** The first key that was not listed yet. */
  readonly start: string;
}

/** @param staleRevision list as it was then, whatever is asked for: a fault */
export function listPage(api: ObjectApi, request: ApiRequest, staleRevision: number | null): Page {
  const { resource, namespace, query } = request;
  const collection = api.collection(resource);
  const selection = selectionOf(request);
  const limit = numberOf(query, 'limit') ?? 0;
  const position = readPosition(query, limit, api.store.revision);
  const revision = staleRevision ?? position.revision;
  if (revision === -1 && limit === 0 && position.start === '') {
    return { revision: api.store.revision, items: collection.select(namespace, selection), continueToken: null, remaining: null };
  }
  const snapshot = collection.snapshot(revision === -1 ? api.store.revision : revision);
  if (snapshot === null) throw expired(collection, position, query);
  return cutPage(snapshot, namespace, selection, position.start, limit === 0 ? Infinity : limit);
}

/** The selectors of a list or watch. A name in the path selects by it. */
export function selectionOf({ resource, query }: ApiRequest): Selection {
  return parseSelection(query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '', selectableFields(resource));
}

/** The text of a list; its items carry neither kind nor version. */
export function formatList(resource: Resource, page: Page): string {
  const head = `{"apiVersion":"${apiVersionOf(resource)}","kind":"${resource.kind}",`;
  const metadata = {
    resourceVersion: String(page.revision),
    continue: page.continueToken ?? undefined,
    remainingItemCount: page.remaining ?? undefined,
  };
  const items = page.items.map(({ json }) => `{${json.slice(head.length)}`);
  return `{"kind":"${resource.kind}List","apiVersion":"${apiVersionOf(resource)}","metadata":${JSON.stringify(metadata)},"items":[${items.join(',')}]}`;
}

function cutPage(snapshot: Snapshot, namespace: string | null, selection: Selection, start: string, limit: number): Page {
  const keys = keysOf(snapshot.keys, namespace);
  const items: StoredObject[] = [];
  let index = lowerBound(keys, start);
  for (; index < keys.length && items.length < limit; index += 1) {
    const object = snapshot.get(keys[index]!)!;
    if (matches(selection, object.labels, object.fields)) items.push(object);
  }
  const { revision } = snapshot;
  if (index >= keys.length) return { revision, items, continueToken: null, remaining: null };
  const continueToken = formatPosition({ revision, start: keys[index]! });
  return { revision, items, continueToken, remaining: isEverything(selection) ? keys.length - index : null };
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list */
function readPosition(query: URLSearchParams, limit: number, newest: number): Position {
  const token = query.get('continue') ?? '';
  const version = numberOf(query, 'resourceVersion');
  const match = query.get('resourceVersionMatch') ?? '';
  if (match !== '' && version === null) throw invalidOptions('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (token !== '') {
    if (version !== null && version !== 0) throw plainError(400, 'specifying resource version is not allowed when using continue');
    return parsePosition(token);
  }
  if (version !== null && version > newest) throw tooLarge(version, newest);
  if (match === 'Exact' && version === 0) throw invalidOptions('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  // A limit without a match means that very revision, for the sake of old clients.
  const isExact = match === 'Exact' || (match === '' && limit > 0);
  return { revision: isExact && version !== null && version > 0 ? version : -1, start: '' };
}

function invalidOptions(why: string): Error {
  const cause = invalidValue('resourceVersionMatch', '', why);
  return new ApiError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: ${why}`, {
    causes: [cause],
  });
}

export function tooLarge(version: number, newest: number): Error {
  return new ApiError(504, 'Timeout', `Too large resource version: ${version}, current: ${newest}`, {
    retryAfterSeconds: 1,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  });
}

function expired(collection: Collection, position: Position, query: URLSearchParams): Error {
  if (!query.get('continue')) {
    return plainError(410, `The resourceVersion for the provided list is too old: ${position.revision} (${collection.compactedRevision})`);
  }
  const why = 'The provided continue parameter is too old to display a consistent list result.';
  const advice =
    'You can start a new list without the continue parameter, or use the continue token in this response to go on inconsistently.';
  const error = plainError(410, `${why} ${advice}`);
  error.continueToken = formatPosition({ revision: -1, start: position.start });
  return error;
}

function formatPosition(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function parsePosition(token: string): Position {
  try {
    const { revision, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Position;
    if (Number.isInteger(revision) && typeof start === 'string') return { revision, start };
  } catch {
    // Told below.
  }
  throw plainError(400, 'continue key is not valid');
}
