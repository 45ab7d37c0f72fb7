import { setTimeout as delay } from 'node:timers/promises';
import { KubernetesApiError } from './kubernetes-api.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import type { Pod } from './kubernetes-types.ts';

const pods = '/api/v1/pods';
/** Milliseconds before the API server is asked again after it failed. */
const pauseMs = 200;

export interface PodSourceEvents {
  /** Came or changed. */
  readonly onPod: (pod: Pod) => void;
  readonly onGone: (pod: Pod) => void;
}

/** Follows the pods that stand on the nodes of a kubelet, through every failure of the API server. */
export class PodSource {
  readonly #api: KubernetesApi;
  readonly #nodes: ReadonlySet<string>;
  readonly #events: PodSourceEvents;
  readonly #known = new Map<string, Pod>();

  constructor(api: KubernetesApi, nodes: ReadonlySet<string>, events: PodSourceEvents) {
    this.#api = api;
    this.#nodes = nodes;
    this.#events = events;
  }

  /** Until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    let version: string | null = null;
    while (!signal.aborted) {
      try {
        version ??= await this.#list();
        for await (const { type, object } of this.#api.watch<Pod>(pods, { ...this.#query, resourceVersion: version }, signal)) {
          version = object.metadata.resourceVersion;
          if (type === 'DELETED') this.#forget(object);
          else if (type !== 'BOOKMARK') this.#see(object);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubernetesApiError && error.status === 410) version = null;
        await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** No field selector names several nodes: then all pods that stand on any are looked through. */
  get #query(): { readonly fieldSelector: string } {
    const [only] = this.#nodes;
    return { fieldSelector: this.#nodes.size === 1 ? `spec.nodeName=${only}` : 'spec.nodeName!=' };
  }

  async #list(): Promise<string> {
    const { items, resourceVersion } = await this.#api.list<Pod>(pods, this.#query);
    const present = new Set(items.map(({ metadata }) => metadata.uid));
    for (const pod of [...this.#known.values()]) if (!present.has(pod.metadata.uid)) this.#forget(pod);
    for (const pod of items) this.#see(pod);
    return resourceVersion;
  }

  #see(pod: Pod): void {
    if (!this.#nodes.has(pod.spec.nodeName ?? '')) return;
    this.#known.set(pod.metadata.uid, pod);
    this.#events.onPod(pod);
  }

  #forget(pod: Pod): void {
    if (this.#known.delete(pod.metadata.uid)) this.#events.onGone(pod);
  }
}
