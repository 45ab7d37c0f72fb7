import { KubernetesApiError } from './kubernetes-api.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import type { Pod } from './kubernetes-types.ts';

/** What a kubelet fetches for the containers of a pod. */
export interface ClusterData {
  /** The data of a ConfigMap or Secret of the pod's namespace; null when there is none. */
  read(pod: Pod, kind: 'configmaps' | 'secrets', name: string): Promise<Readonly<Record<string, string>> | null>;
  /** A token of the pod's service account, bound to the pod. */
  serviceAccountToken(pod: Pod): Promise<string>;
}

export class ApiClusterData implements ClusterData {
  readonly #api: KubernetesApi;

  constructor(api: KubernetesApi) {
    this.#api = api;
  }

  async read(pod: Pod, kind: 'configmaps' | 'secrets', name: string): Promise<Readonly<Record<string, string>> | null> {
    try {
      const path = `/api/v1/namespaces/${pod.metadata.namespace}/${kind}/${name}`;
      const { data = {} } = await this.#api.get<{ readonly data?: Readonly<Record<string, string>> }>(path);
      return kind === 'configmaps' ? data : Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(value)]));
    } catch (error) {
      if (error instanceof KubernetesApiError && error.status === 404) return null;
      throw error;
    }
  }

  async serviceAccountToken({ metadata, spec }: Pod): Promise<string> {
    const { name, namespace, uid } = metadata;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${spec.serviceAccountName ?? 'default'}/token`;
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid };
    const { status } = await this.#api.create<{ readonly status: { readonly token: string } }>(path, { spec: { boundObjectRef } });
    return status.token;
  }
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
