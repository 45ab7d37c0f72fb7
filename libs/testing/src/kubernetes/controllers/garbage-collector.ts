import { foregroundFinalizer, orphanFinalizer } from '../api-server/object-api.ts';
import type { ObjectApi } from '../api-server/object-api.ts';
import type { KubernetesObject } from '../api-server/object.ts';
import { splitKey } from '../api-server/resource.ts';
import type { Resource } from '../api-server/resource.ts';
import type { StoreEvent } from '../api-server/store.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkLoop } from './work-queue.ts';

interface Dependent {
  readonly resource: Resource;
  readonly object: KubernetesObject;
}

/** Deletes what no owner is left of, as the propagation policy of the owner's deletion says. */
export class GarbageCollector {
  readonly #api: ObjectApi;
  readonly #resources: ReadonlyMap<string, Resource>;
  readonly #queue: WorkQueue;
  /** The objects whose deletion waits for their dependents, by uid. */
  readonly #waitingOwners = new Map<string, string>();

  constructor(api: ObjectApi, loop: WorkLoop, resources: readonly Resource[]) {
    this.#api = api;
    this.#resources = new Map(resources.map((resource) => [resource.plural, resource]));
    this.#queue = new WorkQueue(loop, (key) => this.#reconcile(key));
  }

  start(): void {
    for (const resource of this.#resources.values()) this.#api.subscribe(resource, (event) => this.#onEvent(resource, event));
  }

  stop(): void {
    this.#queue.stop();
  }

  #onEvent({ plural }: Resource, { type, object }: StoreEvent): void {
    if (type === 'DELETED') {
      for (const { resource, object: dependent } of this.#dependents(object.uid)) this.#add(resource.plural, dependent);
    } else if (object.ownerUids.some((uid) => !this.#api.store.hasUid(uid)) || object.json.includes('"deletionTimestamp":')) {
      this.#queue.add(`${plural}:${object.key}`);
    }
    // An owner that waits for its dependents looks again when one of them changes.
    for (const owner of object.ownerUids.map((uid) => this.#waitingOwners.get(uid))) if (owner !== undefined) this.#queue.add(owner);
  }

  #add(plural: string, { metadata }: KubernetesObject): void {
    this.#queue.add(`${plural}:${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`);
  }

  #reconcile(key: string): void {
    const separator = key.indexOf(':');
    const resource = this.#resources.get(key.slice(0, separator))!;
    const { namespace, name } = splitKey(key.slice(separator + 1));
    const object = this.#api.find(resource, namespace, name);
    if (object === null) return;
    const { uid, finalizers = [] } = object.metadata;
    if (finalizers.includes(foregroundFinalizer)) this.#deleteDependentsFirst(resource, object, key);
    else if (finalizers.includes(orphanFinalizer)) this.#orphanDependents(resource, object);
    else this.#waitingOwners.delete(uid);
    this.#collect(resource, object);
  }

  /** Deletes an object whose owners are all gone, or forgets those of its owners that are. */
  #collect(resource: Resource, { metadata }: KubernetesObject): void {
    const owners = metadata.ownerReferences ?? [];
    const left = owners.filter(({ uid }) => this.#api.store.hasUid(uid));
    if (owners.length === left.length || metadata.deletionTimestamp !== undefined) return;
    const { namespace = null, name, uid } = metadata;
    if (left.length === 0) this.#api.delete(resource, namespace, name, { propagationPolicy: 'Background', preconditions: { uid } });
    else this.#api.modify(resource, namespace, name, 'main', (object) => void (object.metadata.ownerReferences = left));
  }

  #deleteDependentsFirst(resource: Resource, owner: KubernetesObject, key: string): void {
    const { uid } = owner.metadata;
    const dependents = this.#dependents(uid);
    const blocks = ({ object }: Dependent): boolean =>
      object.metadata.ownerReferences!.some((reference) => reference.uid === uid && reference.blockOwnerDeletion === true);
    if (!dependents.some(blocks)) {
      this.#waitingOwners.delete(uid);
      this.#removeFinalizer(resource, owner, foregroundFinalizer);
    } else {
      this.#waitingOwners.set(uid, key);
    }
    for (const { resource: kind, object } of dependents.filter(({ object }) => object.metadata.deletionTimestamp === undefined)) {
      const propagationPolicy = this.#dependents(object.metadata.uid).length > 0 ? 'Foreground' : 'Background';
      this.#api.delete(kind, object.metadata.namespace ?? null, object.metadata.name, { propagationPolicy });
    }
  }

  #orphanDependents(resource: Resource, owner: KubernetesObject): void {
    const { uid } = owner.metadata;
    for (const { resource: kind, object } of this.#dependents(uid)) {
      this.#api.modify(kind, object.metadata.namespace ?? null, object.metadata.name, 'main', ({ metadata }) => {
        metadata.ownerReferences = metadata.ownerReferences?.filter((reference) => reference.uid !== uid);
      });
    }
    this.#removeFinalizer(resource, owner, orphanFinalizer);
  }

  #removeFinalizer(resource: Resource, { metadata }: KubernetesObject, finalizer: string): void {
    this.#api.modify(resource, metadata.namespace ?? null, metadata.name, 'main', (object) => {
      object.metadata.finalizers = object.metadata.finalizers?.filter((other) => other !== finalizer);
    });
  }

  #dependents(uid: string): readonly Dependent[] {
    return [...this.#resources.values()].flatMap((resource) => this.#api.ownedBy(resource, uid).map((object) => ({ resource, object })));
  }
}
