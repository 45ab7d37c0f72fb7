import { eventually } from '../../src/eventually.ts';
import type { Pod } from '../../src/kubernetes/kubelet/kubernetes-types.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';

type ContainerSpec = Partial<Pod['spec']['containers'][number]>;

/** Creates and looks at pods as any client of the cluster does. */
export class Pods {
  readonly #cluster: TestCluster;
  readonly #path: string;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.#path = `/api/v1/namespaces/${cluster.namespace}/pods`;
  }

  /** A pod of one container, `main`, that stands on `node` without a scheduler's help. */
  async create(node: string, name: string, container: ContainerSpec = {}, spec: Partial<Pod['spec']> = {}): Promise<string> {
    const body = {
      metadata: { name },
      spec: { nodeName: node, restartPolicy: 'Never', containers: [{ name: 'main', image: 'shell', ...container }], ...spec },
    };
    // The service account of a namespace comes a moment after it.
    await eventually(async () => {
      const response = await this.#cluster.client.send(this.#path, { method: 'POST', body });
      if (response.status !== 201) throw new Error(JSON.stringify(response.body));
      return true;
    });
    return name;
  }

  /** Null when it is gone. */
  async get(name: string): Promise<Pod | null> {
    const { status, body } = await this.#cluster.client.send(`${this.#path}/${name}`);
    if (status !== 200 && status !== 404) throw new Error(JSON.stringify(body));
    return status === 404 ? null : (body as Pod);
  }

  /** The pod once it is in that phase. */
  async inPhase(name: string, phase: NonNullable<Pod['status']>['phase']): Promise<Pod> {
    return await this.once(name, `phase ${phase}`, (pod) => pod.status?.phase === phase);
  }

  async once(name: string, what: string, check: (pod: Pod) => boolean): Promise<Pod> {
    return await eventually(
      async () => {
        const pod = await this.get(name);
        if (pod === null || !check(pod)) throw new Error(`it is ${JSON.stringify(pod?.status ?? 'gone')}`);
        return pod;
      },
      { timeoutMs: 30_000, what: `${what} of ${name}` },
    );
  }

  async untilGone(name: string): Promise<void> {
    await eventually(async () => (await this.get(name)) === null, { timeoutMs: 30_000, what: `the end of ${name}` });
  }

  /** @param graceSeconds the pod's own by default */
  async remove(name: string, graceSeconds?: number): Promise<void> {
    const body = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
    await this.#cluster.client.send(`${this.#path}/${name}`, { method: 'DELETE', body });
  }

  async log(name: string, query: Readonly<Record<string, string | number>> = {}): Promise<string> {
    const { status, body } = await this.#cluster.client.send(`${this.#path}/${name}/log`, { query });
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body as string;
  }

  /** The distinct states of a pod's life as a watch shows them, from its creation to the first for which `isLast`. */
  async *history(name: string, signal: AbortSignal): AsyncGenerator<Pod | null> {
    const query = { fieldSelector: `metadata.name=${name}`, resourceVersion: 0 };
    for await (const { type, object } of this.#cluster.client.watch<Pod>(this.#path, { query, signal }))
      yield type === 'DELETED' ? null : object;
  }
}

/** What `main` of a pod is in: `waiting ImagePullBackOff`, `running`, `terminated Error 3`. */
export function stateOf(pod: Pod): string {
  const { waiting, running, terminated } = pod.status?.containerStatuses?.[0]?.state ?? {};
  if (waiting !== undefined) return `waiting ${waiting.reason}`;
  if (terminated !== undefined) return `terminated ${terminated.reason} ${terminated.exitCode}`;
  return running === undefined ? 'unknown' : 'running';
}

/** Such as `Ready=False PodFailed`. */
export function conditionOf(pod: Pod, type: string): string {
  const condition = pod.status?.conditions?.find((candidate) => candidate.type === type);
  return condition === undefined ? 'none' : [`${type}=${condition.status}`, condition.reason].filter(Boolean).join(' ');
}
