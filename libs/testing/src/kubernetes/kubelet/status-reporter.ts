import { KubernetesApiError, untilAnswered } from './kubernetes-api.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import type { Pod, PodStatus } from './kubernetes-types.ts';

/**
 * Carries pod statuses to the API server: in order for one pod, many pods at once. What was overtaken by a newer status
 * before it went out is left out, as a real kubelet does.
 */
export class StatusReporter {
  readonly #api: KubernetesApi;
  readonly #signal: AbortSignal;
  readonly #onError: (error: Error) => void;
  readonly #latest = new Map<string, { readonly pod: Pod; readonly status: PodStatus }>();
  readonly #sending = new Map<string, Promise<void>>();

  /** @param signal ends the tries for what the API server does not take */
  constructor(api: KubernetesApi, signal: AbortSignal, onError: (error: Error) => void) {
    this.#api = api;
    this.#signal = signal;
    this.#onError = onError;
  }

  report(pod: Pod, status: PodStatus): void {
    const { uid } = pod.metadata;
    this.#latest.set(uid, { pod, status });
    if (!this.#sending.has(uid)) this.#sending.set(uid, this.#send(uid));
  }

  /** Takes a pod out of the cluster once all that was reported of it is there. */
  async remove(pod: Pod): Promise<void> {
    const { uid } = pod.metadata;
    await this.#sending.get(uid);
    await this.#attempt(() => this.#api.delete(podPath(pod), { gracePeriodSeconds: 0, preconditions: { uid } }));
  }

  /** Resolves once nothing is under way. */
  async settle(): Promise<void> {
    await Promise.all(this.#sending.values());
  }

  async #send(uid: string): Promise<void> {
    // A step that follows at once goes out with this one.
    await Promise.resolve();
    for (let next = this.#latest.get(uid); next !== undefined; next = this.#latest.get(uid)) {
      this.#latest.delete(uid);
      const { pod, status } = next;
      await this.#attempt(() => this.#api.send('PATCH', `${podPath(pod)}/status`, { metadata: { uid }, status }));
    }
    this.#sending.delete(uid);
  }

  async #attempt(call: () => Promise<void>): Promise<void> {
    try {
      await untilAnswered(this.#signal, call);
    } catch (error) {
      // Gone, or another pod of the same name: there is nobody to tell.
      if (error instanceof KubernetesApiError && (error.status === 404 || error.status === 409)) return;
      if (!this.#signal.aborted) this.#onError(error as Error);
    }
  }
}

function podPath({ metadata }: Pod): string {
  return `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
}
