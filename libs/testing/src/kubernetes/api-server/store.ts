import { matches, onlyValue } from './selectors.ts';
import type { Selection } from './selectors.ts';
import type { KubernetesObject, Labels } from './object.ts';

/** An object at one revision, as text: many thousands of parsed ones would not fit. What is searched by lies beside it. */
export interface StoredObject {
  /** `namespace/name`, or the name of what has no namespace. */
  readonly key: string;
  readonly revision: number;
  readonly uid: string;
  readonly labels: Labels;
  /** What field selectors know. */
  readonly fields: Labels;
  readonly ownerUids: readonly string[];
  readonly json: string;
}

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  /** The object after the event; of a deleted one the last state, at the revision of its deletion. */
  readonly object: StoredObject;
  readonly previous: StoredObject | null;
}

/** The objects of a collection as they were at one revision. */
export interface Snapshot {
  readonly revision: number;
  /** In order. */
  readonly keys: readonly string[];
  get(key: string): StoredObject | undefined;
}

export interface CollectionOptions {
  /** The fields that its objects can be selected by. */
  readonly fieldsOf: (object: KubernetesObject) => Labels;
  /** Labels and fields whose selection must not look at every object. */
  readonly indexed: readonly string[];
}

const noKeys: ReadonlySet<string> = new Set();

/** The revisioned collections of all resources. A write is atomic because nothing here waits. */
export class Store {
  readonly #collections = new Map<string, Collection>();
  readonly #historyLimit: number;
  readonly #uids = new Set<string>();
  // A fresh cluster has written something too, and clients must not take small numbers for granted.
  #revision = 1000;

  /** @param historyLimit how many events each collection remembers at least */
  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get revision(): number {
    return this.#revision;
  }

  nextRevision(): number {
    this.#revision += 1;
    return this.#revision;
  }

  collection(name: string, options: CollectionOptions): Collection {
    const collection = new Collection(this, this.#historyLimit, this.#uids, options);
    this.#collections.set(name, collection);
    return collection;
  }

  collections(): ReadonlyMap<string, Collection> {
    return this.#collections;
  }

  hasUid(uid: string): boolean {
    return this.#uids.has(uid);
  }

  /** Forgets all history, as etcd does every five minutes: what is resumed or continued from before now has expired. */
  compact(): void {
    for (const collection of this.#collections.values()) collection.compact();
  }
}

export class Collection {
  readonly #store: Store;
  readonly #historyLimit: number;
  readonly #uids: Set<string>;
  readonly #options: CollectionOptions;
  readonly #objects = new Map<string, StoredObject>();
  readonly #keys: string[] = [];
  readonly #byOwner = new Index();
  readonly #byValue = new Index();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #history: StoreEvent[] = [];
  /** History at and before this revision is gone. */
  #compacted = 0;

  constructor(store: Store, historyLimit: number, uids: Set<string>, options: CollectionOptions) {
    this.#store = store;
    this.#historyLimit = historyLimit;
    this.#uids = uids;
    this.#options = options;
  }

  get size(): number {
    return this.#objects.size;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Creates or replaces the object at a new revision, which it also notes in the object. */
  put(key: string, object: KubernetesObject): StoredObject {
    const previous = this.#objects.get(key) ?? null;
    const stored = this.#serialise(key, object);
    if (previous === null) this.#keys.splice(lowerBound(this.#keys, key), 0, key);
    else this.#unindex(previous);
    this.#objects.set(key, stored);
    this.#index(stored);
    this.#publish({ type: previous === null ? 'ADDED' : 'MODIFIED', revision: stored.revision, object: stored, previous });
    return stored;
  }

  remove(key: string): void {
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#objects.delete(key);
    this.#keys.splice(lowerBound(this.#keys, key), 1);
    this.#unindex(previous);
    const object = this.#serialise(key, JSON.parse(previous.json) as KubernetesObject);
    this.#publish({ type: 'DELETED', revision: object.revision, object, previous });
  }

  /** Keys of the objects that name this owner. */
  ownedBy(uid: string): readonly string[] {
    return [...this.#byOwner.get(uid)];
  }

  /** The matching objects of a namespace (of all for null), in order. */
  select(namespace: string | null, selection: Selection): readonly StoredObject[] {
    const candidates = this.#candidates(selection) ?? keysOf(this.#keys, namespace);
    const objects = candidates.map((key) => this.#objects.get(key)!);
    const inNamespace = namespace === null ? objects : objects.filter(({ key }) => key.startsWith(`${namespace}/`));
    return inNamespace.filter(({ labels, fields }) => matches(selection, labels, fields));
  }

  /** How it was at a revision, or null when that is no longer known. */
  snapshot(revision: number): Snapshot | null {
    if (revision < this.#compacted) return null;
    const undone = new Map<string, StoredObject | null>();
    for (let i = this.#history.length - 1; i >= 0 && this.#history[i]!.revision > revision; i -= 1) {
      undone.set(this.#history[i]!.object.key, this.#history[i]!.previous);
    }
    if (undone.size === 0) return { revision, keys: this.#keys, get: (key) => this.#objects.get(key) };
    const keys = this.#keys.filter((key) => undone.get(key) !== null);
    for (const [key, before] of undone) if (before !== null && !this.#objects.has(key)) keys.splice(lowerBound(keys, key), 0, key);
    return { revision, keys, get: (key) => (undone.has(key) ? (undone.get(key) ?? undefined) : this.#objects.get(key)) };
  }

  /** What happened after a revision, or null when that is no longer known. */
  eventsSince(revision: number): readonly StoreEvent[] | null {
    if (revision < this.#compacted) return null;
    const first = this.#history.findLastIndex((event) => event.revision <= revision) + 1;
    return this.#history.slice(first);
  }

  /** Calls back within each write. Returns what ends it. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  compact(): void {
    this.#history = [];
    this.#compacted = this.#store.revision;
  }

  #serialise(key: string, object: KubernetesObject): StoredObject {
    const revision = this.#store.nextRevision();
    object.metadata.resourceVersion = String(revision);
    const { uid, labels = {}, ownerReferences = [] } = object.metadata;
    const fields = this.#options.fieldsOf(object);
    return { key, revision, uid, labels, fields, ownerUids: ownerReferences.map((owner) => owner.uid), json: JSON.stringify(object) };
  }

  #publish(event: StoreEvent): void {
    this.#history.push(event);
    // A quarter more than asked for, so that the front is seldom cut off.
    if (this.#history.length > this.#historyLimit * 1.25) {
      const dropped = this.#history.splice(0, this.#history.length - this.#historyLimit);
      this.#compacted = dropped.at(-1)!.revision;
    }
    for (const listener of this.#listeners) listener(event);
  }

  #candidates({ labels, fields }: Selection): readonly string[] | null {
    for (const name of this.#options.indexed) {
      const value = onlyValue(labels, name) ?? onlyValue(fields, name);
      if (value !== undefined) return [...this.#byValue.get(`${name}=${value}`)].toSorted();
    }
    return null;
  }

  #index(object: StoredObject): void {
    this.#uids.add(object.uid);
    for (const uid of object.ownerUids) this.#byOwner.add(uid, object.key);
    for (const value of this.#indexedValues(object)) this.#byValue.add(value, object.key);
  }

  #unindex(object: StoredObject): void {
    this.#uids.delete(object.uid);
    for (const uid of object.ownerUids) this.#byOwner.delete(uid, object.key);
    for (const value of this.#indexedValues(object)) this.#byValue.delete(value, object.key);
  }

  #indexedValues({ labels, fields }: StoredObject): readonly string[] {
    return this.#options.indexed.map((name) => `${name}=${labels[name] ?? fields[name] ?? ''}`);
  }
}

/** The part of sorted keys that lies in a namespace. */
export function keysOf(keys: readonly string[], namespace: string | null): readonly string[] {
  if (namespace === null) return keys;
  // '0' follows '/' in Unicode.
  return keys.slice(lowerBound(keys, `${namespace}/`), lowerBound(keys, `${namespace}0`));
}

/** Where the first of the sorted keys lies that is not before `key`. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Index {
  readonly #keys = new Map<string, Set<string>>();

  get(value: string): ReadonlySet<string> {
    return this.#keys.get(value) ?? noKeys;
  }

  add(value: string, key: string): void {
    const keys = this.#keys.get(value);
    if (keys === undefined) this.#keys.set(value, new Set([key]));
    else keys.add(key);
  }

  delete(value: string, key: string): void {
    const keys = this.#keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(value);
  }
}
