import { ClusterClient, eventually } from '@cloudscan/testing';
import type { ClusterAccess, ClusterRequest } from '@cloudscan/testing';

export type ResourceName = 'events' | 'jobs' | 'nodes' | 'pods' | 'secrets';

const answerLimitMs = 30_000;

/** The namespace of a cluster that Jobs run in, as a test looks at it. */
export class Cluster implements Disposable {
  readonly access: ClusterAccess;
  readonly namespace: string;
  /** Of a file, for other processes. */
  readonly kubeconfigPath: string;
  readonly #client: ClusterClient;

  constructor(access: ClusterAccess, namespace: string, kubeconfigPath: string) {
    this.access = access;
    this.namespace = namespace;
    this.kubeconfigPath = kubeconfigPath;
    this.#client = new ClusterClient(access);
  }

  /** The objects of the namespace. */
  async list<T extends object>(resource: ResourceName, labelSelector = '', fieldSelector = ''): Promise<readonly T[]> {
    const { items } = await this.ask<{ readonly items: readonly T[] }>(this.path(resource), { query: { labelSelector, fieldSelector } });
    return items;
  }

  path(resource: ResourceName, name?: string): string {
    const group = resource === 'jobs' ? '/apis/batch/v1' : '/api/v1';
    const namespace = resource === 'nodes' ? '' : `/namespaces/${this.namespace}`;
    return `${group}${namespace}/${resource}${name === undefined ? '' : `/${name}`}`;
  }

  /** Sends a request as any controller does: again, while a fault that the test has set keeps it from being answered. */
  async ask<T>(path: string, request: ClusterRequest = {}): Promise<T> {
    const ask = async (): Promise<{ readonly status: number; readonly body: unknown } | null> => {
      const { status, body } = await this.#client.send(path, request);
      return status === 401 || status === 403 || status === 409 || status === 429 || status >= 500 ? null : { status, body };
    };
    const { status, body } = await eventually(ask, { timeoutMs: answerLimitMs, what: `an answer for ${path}` });
    // What is to be deleted may be gone.
    if (status >= 400 && !(status === 404 && request.method === 'DELETE')) throw new Error(`${path}: ${JSON.stringify(body)}`);
    return body as T;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
