import { randomInt, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { TimerClock } from '../../clock.ts';
import { formatTime } from './object.ts';
import type { KubernetesObject, ObjectMeta } from './object.ts';
import { apiVersionOf, keyOf } from './resource.ts';
import type { Propagation, Resource } from './resource.ts';
import { namespaces } from './resources/others.ts';
import { everything } from './selectors.ts';
import type { Selection } from './selectors.ts';
import { alreadyExists, conflict, invalid, modifiedMeanwhile, notFound, plainError } from './status.ts';
import { Store } from './store.ts';
import type { Collection, StoredObject, StoreEvent } from './store.ts';
import { invalidValue, validateMetadata } from './validation.ts';

export interface DeleteOptions {
  readonly propagationPolicy?: Propagation;
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** An object as a client sent it. */
export type Submitted = Partial<Omit<KubernetesObject, 'metadata'>> & { metadata?: Partial<KubernetesObject['metadata']> };

export interface Deletion<Item> {
  readonly object: Item;
  /** False while a grace period or a finalizer keeps it. */
  readonly isGone: boolean;
}

/** What an update may write: everything but the status, or only that. */
type UpdatedPart = 'main' | 'status';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

// Without vowels and what looks alike, as the API server draws them.
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * The operations of the API on objects, as HTTP handlers and controllers call them: identity, optimistic concurrency,
 * validation and deletion are the same for both. Every call is atomic. All errors are {@link ApiError}s.
 */
export class ObjectApi {
  readonly store: Store;
  readonly clock: TimerClock;
  readonly #collections: ReadonlyMap<string, Collection>;

  constructor(options: { resources: readonly Resource[]; clock: TimerClock; historyLimit: number }) {
    this.clock = options.clock;
    this.store = new Store(options.historyLimit);
    this.#collections = new Map(
      options.resources.map((resource) => {
        const fieldsOf = (object: KubernetesObject): Record<string, string> => ({
          'metadata.name': object.metadata.name,
          ...(object.metadata.namespace !== undefined && { 'metadata.namespace': object.metadata.namespace }),
          ...resource.fieldsOf(object),
        });
        return [resource.plural, this.store.collection(resource.plural, { fieldsOf, indexed: resource.indexed })];
      }),
    );
  }

  collection(resource: Pick<Resource, 'plural'>): Collection {
    return this.#collections.get(resource.plural)!;
  }

  subscribe(resource: Pick<Resource, 'plural'>, listener: (event: StoreEvent) => void): () => void {
    return this.collection(resource).subscribe(listener);
  }

  create<Item extends KubernetesObject>(resource: Resource<Item>, namespace: string | null, submitted: Submitted, isDryRun = false): Item {
    const now = this.clock.now();
    this.#checkIdentity(resource, namespace, submitted);
    if (namespace !== null) this.#require(namespaces, null, namespace);
    if (submitted.metadata?.resourceVersion) throw plainError(500, 'resourceVersion should not be set on objects to be created');
    const { generateName, name = generateName === undefined ? '' : generateName + drawSuffix() } = submitted.metadata ?? {};
    const { apiVersion: _apiVersion, kind: _kind, ...content } = submitted;
    const object = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      ...content,
      metadata: {
        ...submitted.metadata,
        name,
        ...(namespace !== null && { namespace }),
        uid: randomUUID(),
        creationTimestamp: formatTime(now),
        generation: resource.hasStatus ? 1 : undefined,
        deletionTimestamp: undefined,
        deletionGracePeriodSeconds: undefined,
      },
    } as Item;
    resource.prepare(object, null, now);
    omitEmpty(object.metadata);
    this.#validate(resource, object, null);
    const key = keyOf(namespace, name);
    if (this.collection(resource).get(key) !== undefined) throw alreadyExists(resource, name);
    if (!isDryRun) this.collection(resource).put(key, object);
    return object;
  }

  find<Item extends KubernetesObject>(resource: Resource<Item>, namespace: string | null, name: string): Item | null {
    const stored = this.collection(resource).get(keyOf(namespace, name));
    return stored === undefined ? null : parse<Item>(stored);
  }

  get<Item extends KubernetesObject>(resource: Resource<Item>, namespace: string | null, name: string): Item {
    return parse<Item>(this.#require(resource, namespace, name));
  }

  list<Item extends KubernetesObject>(
    resource: Resource<Item>,
    namespace: string | null = null,
    selection: Selection = everything,
  ): readonly Item[] {
    return this.collection(resource)
      .select(namespace, selection)
      .map((stored) => parse<Item>(stored));
  }

  /** The objects of a resource that name this owner. */
  ownedBy<Item extends KubernetesObject>(resource: Resource<Item>, uid: string): readonly Item[] {
    const collection = this.collection(resource);
    return collection.ownedBy(uid).map((key) => parse<Item>(collection.get(key)!));
  }

  /** Writes what a client sent in full. A resourceVersion in it must be the current one. */
  update<Item extends KubernetesObject>(
    resource: Resource<Item>,
    namespace: string | null,
    name: string,
    part: UpdatedPart,
    submitted: Submitted,
    isDryRun = false,
  ): Item {
    const stored = this.#require(resource, namespace, name);
    const { name: sentName, uid, resourceVersion } = submitted.metadata ?? {};
    this.#checkIdentity(resource, namespace, submitted);
    if (sentName !== undefined && sentName !== name) {
      throw plainError(400, `the name of the object (${sentName}) does not match the name on the URL (${name})`);
    }
    if (uid !== undefined && uid !== stored.uid) throw conflict(resource, name, uidMismatch(uid, stored.uid));
    if (resourceVersion) {
      if (resourceVersion !== String(stored.revision)) throw conflict(resource, name, modifiedMeanwhile);
    } else if (!resource.allowsUnconditionalUpdate) {
      throw invalid(resource.kind, resource, name, [invalidValue('metadata.resourceVersion', 0, 'must be specified for an update')]);
    }
    return this.#replace(resource, stored, submitted as Item, part, isDryRun);
  }

  /** Reads, changes and writes at once. `change` edits the object it gets, or answers a new one. */
  modify<Item extends KubernetesObject>(
    resource: Resource<Item>,
    namespace: string | null,
    name: string,
    part: UpdatedPart,
    change: (object: Item) => Item | void,
    isDryRun = false,
  ): Item {
    const stored = this.#require(resource, namespace, name);
    const object = parse<Item>(stored);
    return this.update(resource, namespace, name, part, change(object) ?? object, isDryRun);
  }

  delete<Item extends KubernetesObject>(
    resource: Resource<Item>,
    namespace: string | null,
    name: string,
    options: DeleteOptions = {},
    isDryRun = false,
  ): Deletion<Item> {
    const stored = this.#require(resource, namespace, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== stored.uid) throw conflict(resource, name, uidMismatch(uid, stored.uid));
    if (resourceVersion !== undefined && resourceVersion !== String(stored.revision)) {
      const mismatch = `ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${stored.revision}`;
      throw conflict(resource, name, `the ResourceVersion in the precondition (${mismatch}) does not match`);
    }
    const object = parse<Item>(stored);
    if (isDryRun) return { object, isGone: false };
    this.#markDeleted(resource, object, options);
    if (isDue(object)) {
      this.collection(resource).remove(stored.key);
      return { object, isGone: true };
    }
    if (!isDeepStrictEqual(object, parse(stored))) this.collection(resource).put(stored.key, object);
    return { object, isGone: false };
  }

  /** Notes in the object when it goes and what it waits for. */
  #markDeleted<Item extends KubernetesObject>(resource: Resource<Item>, object: Item, options: DeleteOptions): void {
    const { metadata } = object;
    const policy = options.propagationPolicy ?? resource.defaultPropagation;
    const kept = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== foregroundFinalizer && finalizer !== orphanFinalizer);
    if (options.propagationPolicy !== undefined || metadata.deletionTimestamp === undefined) {
      const own = { Foreground: [foregroundFinalizer], Orphan: [orphanFinalizer], Background: [] }[policy];
      metadata.finalizers = [...kept, ...own];
      omitEmpty(metadata);
    }
    const grace = resource.graceSeconds(object, options.gracePeriodSeconds ?? null);
    // A second deletion may shorten the grace, never lengthen it.
    if (metadata.deletionTimestamp !== undefined && grace >= (metadata.deletionGracePeriodSeconds ?? 0)) return;
    metadata.deletionTimestamp = formatTime(new Date(this.clock.now().getTime() + grace * 1000));
    metadata.deletionGracePeriodSeconds = grace;
    if (metadata.generation !== undefined) metadata.generation += 1;
  }

  #replace<Item extends KubernetesObject>(
    resource: Resource<Item>,
    stored: StoredObject,
    submitted: Item,
    part: UpdatedPart,
    isDryRun: boolean,
  ): Item {
    const previous = parse<Item>(stored);
    const { name, namespace, generateName, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation } =
      previous.metadata;
    const fixed = { name, namespace, generateName, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation };
    const metadata = { ...submitted.metadata, ...fixed, resourceVersion: previous.metadata.resourceVersion };
    // In this order, which the text of every object of a kind begins with.
    const { apiVersion, kind } = previous;
    const object: Item =
      part === 'status'
        ? { ...previous, metadata, status: submitted.status }
        : Object.assign({ apiVersion, kind }, submitted, { apiVersion, kind, metadata }, resource.hasStatus && { status: previous.status });
    resource.prepare(object, previous, this.clock.now());
    this.#validate(resource, object, previous);
    // As text first: what is undefined is not there.
    omitEmpty(object.metadata);
    const written = JSON.parse(JSON.stringify(object)) as Item;
    if (generation !== undefined && !isDeepStrictEqual(written.spec, previous.spec)) written.metadata.generation = generation + 1;
    if (isDryRun) return written;
    if (isDue(written)) this.collection(resource).remove(stored.key);
    // What changes nothing makes no revision and no event.
    else if (!isDeepStrictEqual(written, previous)) this.collection(resource).put(stored.key, written);
    return written;
  }

  #validate(resource: Resource<never>, object: KubernetesObject, previous: KubernetesObject | null): void {
    const metadataCauses = validateMetadata(object, previous);
    const causes = [...metadataCauses, ...resource.validate(object as never, previous as never)];
    if (causes.length > 0) throw invalid(resource.kind, resource, object.metadata.name, causes);
  }

  #checkIdentity(
    resource: Pick<Resource, 'group' | 'version' | 'kind'>,
    namespace: string | null,
    { apiVersion, kind, metadata }: Submitted,
  ): void {
    const expected = apiVersionOf(resource);
    if (apiVersion !== undefined && apiVersion !== expected) {
      throw plainError(400, `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`);
    }
    if (kind !== undefined && kind !== resource.kind)
      throw plainError(400, `${kind} in the data does not match the expected kind ${resource.kind}`);
    if (metadata?.namespace !== undefined && namespace !== null && metadata.namespace !== namespace) {
      throw plainError(400, 'the namespace of the provided object does not match the namespace sent on the request');
    }
  }

  #require(resource: Resource<never>, namespace: string | null, name: string): StoredObject {
    const stored = this.collection(resource).get(keyOf(namespace, name));
    if (stored === undefined) throw notFound(resource, name);
    return stored;
  }
}

export function parse<Item extends KubernetesObject>(stored: StoredObject): Item {
  return JSON.parse(stored.json) as Item;
}

/** Whether nothing keeps a deleted object any longer. */
function isDue({ metadata }: KubernetesObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata;
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0;
}

/** The API shows no empty lists and maps in metadata. */
function omitEmpty(metadata: ObjectMeta): void {
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    if (Object.keys(metadata[field] ?? {}).length === 0) delete metadata[field];
  }
}

function uidMismatch(expected: string, actual: string): string {
  return `Precondition failed: UID in precondition: ${expected}, UID in object meta: ${actual}`;
}

function drawSuffix(): string {
  return Array.from({ length: 5 }, () => suffixAlphabet[randomInt(suffixAlphabet.length)]).join('');
}
