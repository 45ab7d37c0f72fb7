import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterClient, eventually, KubernetesSimulator } from '@cloudscan/testing';
import type { ClusterRequest, KubernetesSimulatorOptions, Teardown } from '@cloudscan/testing';

export type ResourceName = 'events' | 'jobs' | 'nodes' | 'pods' | 'secrets';

const answerLimitMs = 30_000;

/** A simulated cluster in this process, without nodes, and a kubeconfig by which other processes reach it. */
export class SimulatedCluster {
  readonly simulator: KubernetesSimulator;
  readonly kubeconfigPath: string;
  readonly #client: ClusterClient;

  protected constructor(simulator: KubernetesSimulator, kubeconfigPath: string, client: ClusterClient) {
    this.simulator = simulator;
    this.kubeconfigPath = kubeconfigPath;
    this.#client = client;
  }

  /** It is gone after the test. */
  static async start(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<SimulatedCluster> {
    return new SimulatedCluster(...(await SimulatedCluster.parts(t, options)));
  }

  protected static async parts(t: Teardown, options: KubernetesSimulatorOptions): Promise<[KubernetesSimulator, string, ClusterClient]> {
    const simulator = await KubernetesSimulator.start(options);
    t.teardown(() => simulator.stop());
    const folder = await mkdtemp(join(tmpdir(), 'cloudscan-cluster-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const kubeconfigPath = join(folder, 'kubeconfig');
    writeFileSync(kubeconfigPath, simulator.kubeconfig(), { mode: 0o600 });
    const client = new ClusterClient(simulator.access);
    t.teardown(() => client.close());
    return [simulator, kubeconfigPath, client];
  }

  get namespace(): string {
    return this.simulator.namespaces[0]!;
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
}
