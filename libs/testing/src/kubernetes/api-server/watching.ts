import type { ServerResponse } from 'node:http';
import { numberOf } from './api-request.ts';
import type { ApiRequest } from './api-request.ts';
import type { Faults } from './faults.ts';
import { selectionOf } from './listing.ts';
import { parse } from './object-api.ts';
import type { ObjectApi } from './object-api.ts';
import type { KubernetesObject } from './object.ts';
import { apiVersionOf } from './resource.ts';
import { matches } from './selectors.ts';
import type { Selection } from './selectors.ts';
import { plainError } from './status.ts';
import type { StoredObject, StoreEvent } from './store.ts';
import { formatTable, wantsTable } from './tables.ts';

type EventType = StoreEvent['type'] | 'BOOKMARK' | 'ERROR';

const bookmarkIntervalMs = 60_000;
// The API server ends a watch after 30 to 60 minutes unless the client says when.
const longestSeconds = 1800;
/** A client that leaves more unread is cut off, as the API server does to slow watchers. */
const maxUnreadBytes = 512 * 1024 * 1024;

/**
 * Tells a client what happens to the objects that it selects. An object that stops matching leaves as DELETED, one that
 * begins to match comes as ADDED.
 */
export class Watching {
  readonly #api: ObjectApi;
  readonly #request: ApiRequest;
  readonly #response: ServerResponse;
  readonly #faults: Faults;
  readonly #selection: Selection;
  readonly #asTable: boolean;
  /** The namespace's part of every key. */
  readonly #prefix: string;
  #unsubscribe: () => void = () => undefined;
  #cancelExpiry: () => void = () => undefined;
  #cancelBookmark: () => void = () => undefined;
  #isFrozen = false;
  /** The frame that a fault holds back. */
  #heldBack: string | null = null;

  /** @throws ApiError when the client asks for what cannot be; nothing is sent then */
  constructor(api: ObjectApi, request: ApiRequest, response: ServerResponse, faults: Faults, accept: string) {
    this.#api = api;
    this.#request = request;
    this.#response = response;
    this.#faults = faults;
    this.#selection = selectionOf(request);
    this.#asTable = wantsTable(accept);
    this.#prefix = request.namespace === null ? '' : `${request.namespace}/`;
  }

  /** Sends until the client goes, the time is over or the history has a gap. */
  start(): void {
    // The client may have gone while a fault held its request up.
    if (this.#response.destroyed) return;
    const { query, resource } = this.#request;
    const version = numberOf(query, 'resourceVersion') ?? 0;
    const sendsInitialEvents = query.get('sendInitialEvents') === 'true';
    if (sendsInitialEvents && query.get('resourceVersionMatch') !== 'NotOlderThan') {
      throw plainError(422, 'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    }
    const seconds = numberOf(query, 'timeoutSeconds') || longestSeconds * (1 + Math.random());
    this.#response.writeHead(200, { 'content-type': 'application/json' });
    this.#response.flushHeaders();
    const collection = this.#api.collection(resource);
    const missed = version === 0 || sendsInitialEvents ? null : collection.eventsSince(version);
    if (version !== 0 && !sendsInitialEvents && missed === null) {
      this.#sendError(plainError(410, `too old resource version: ${version} (${collection.compactedRevision})`));
      this.#response.end();
      return;
    }
    this.#unsubscribe = collection.subscribe((event) => this.#onEvent(event));
    this.#cancelExpiry = this.#after(seconds * 1000, () => this.#expire());
    this.#response.once('close', () => this.#stop());
    if (missed === null) this.#sendCurrent(sendsInitialEvents);
    else for (const event of missed) this.#onEvent(event);
    if (query.get('allowWatchBookmarks') === 'true') this.#scheduleBookmark();
  }

  #sendCurrent(marksEnd: boolean): void {
    const collection = this.#api.collection(this.#request.resource);
    for (const object of collection.select(this.#request.namespace, this.#selection)) this.#send('ADDED', object.json);
    if (marksEnd) this.#sendBookmark({ 'k8s.io/initial-events-end': 'true' });
  }

  #onEvent({ type, object, previous, revision }: StoreEvent): void {
    if (!object.key.startsWith(this.#prefix)) return;
    const isSelected = type !== 'DELETED' && this.#selects(object);
    const wasSelected = previous !== null && this.#selects(previous);
    if (isSelected) this.#send(wasSelected ? 'MODIFIED' : 'ADDED', object.json);
    else if (wasSelected) this.#send('DELETED', type === 'DELETED' ? object.json : atRevision(previous, revision));
  }

  #selects({ labels, fields }: StoredObject): boolean {
    return matches(this.#selection, labels, fields);
  }

  #send(type: EventType, json: string): void {
    const frame = `{"type":"${type}","object":${this.#asTable && type !== 'ERROR' ? this.#tableOf(json) : json}}\n`;
    if (this.#isFrozen) return;
    const fault = this.#faults.ofEvent(this.#request);
    switch (fault?.effect.kind) {
      case 'freeze':
        this.#isFrozen = true;
        return;
      case 'cut':
        this.#response.write(frame.slice(0, frame.length / 2), () => this.#response.destroy());
        this.#isFrozen = true;
        return;
      case 'duplicate':
        return this.#write(frame + frame);
      case 'reorder':
        // Held back only once; after two in a row the first goes.
        if (this.#heldBack === null) this.#heldBack = frame;
        else this.#write(frame);
        return;
      default:
        this.#write(frame);
    }
  }

  #write(frame: string): void {
    const heldBack = this.#heldBack ?? '';
    this.#heldBack = null;
    this.#response.write(frame + heldBack);
    if (this.#response.writableLength > maxUnreadBytes) this.#response.destroy();
  }

  #sendError(error: Error): void {
    this.#send('ERROR', JSON.stringify(error));
  }

  #sendBookmark(annotations?: Record<string, string>): void {
    const { resource } = this.#request;
    const metadata = { resourceVersion: String(this.#api.store.revision), creationTimestamp: null, annotations };
    this.#send('BOOKMARK', JSON.stringify({ kind: resource.kind, apiVersion: apiVersionOf(resource), metadata }));
  }

  #scheduleBookmark(): void {
    this.#cancelBookmark = this.#after(bookmarkIntervalMs, () => {
      this.#sendBookmark();
      this.#scheduleBookmark();
    });
  }

  #after(ms: number, run: () => void): () => void {
    const { clock } = this.#api;
    return clock.at(new Date(clock.now().getTime() + ms), run);
  }

  #expire(): void {
    if (this.#isFrozen) return;
    if (this.#request.query.get('allowWatchBookmarks') === 'true') this.#sendBookmark();
    // The connection closes later; nothing is written behind the end until then.
    this.#stop();
    this.#response.end();
  }

  #stop(): void {
    this.#unsubscribe();
    this.#cancelExpiry();
    this.#cancelBookmark();
  }

  #tableOf(json: string): string {
    const object = JSON.parse(json) as KubernetesObject;
    const { resource, query } = this.#request;
    const metadata = { resourceVersion: object.metadata?.resourceVersion };
    const isObject = object.metadata?.name !== undefined;
    return JSON.stringify(formatTable(resource, isObject ? [object] : [], metadata, this.#api.clock.now(), rowObjectOf(query)));
  }
}

export function rowObjectOf(query: URLSearchParams): 'None' | 'Metadata' | 'Object' {
  const choice = query.get('includeObject');
  return choice === 'None' || choice === 'Object' ? choice : 'Metadata';
}

function atRevision(stored: StoredObject, revision: number): string {
  const object = parse(stored);
  object.metadata.resourceVersion = String(revision);
  return JSON.stringify(object);
}
