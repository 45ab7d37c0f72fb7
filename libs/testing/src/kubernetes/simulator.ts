import { randomBytes } from 'node:crypto';
import { realClock } from '../clock.ts';
import type { TimerClock } from '../clock.ts';
import { ApiServer } from './api-server/api-server.ts';
import { Faults } from './api-server/faults.ts';
import { ObjectApi } from './api-server/object-api.ts';
import { disruptPod, evictPod } from './api-server/pod-actions.ts';
import { resources } from './api-server/registry.ts';
import { namespaces } from './api-server/resources/others.ts';
import { pods } from './api-server/resources/pods.ts';
import { withFields } from './api-server/selectors.ts';
import { nodes } from './api-server/resources/nodes.ts';
import { serverCertificate } from './certificate.ts';
import type { ServerCertificate } from './certificate.ts';
import { Controllers } from './controllers/controllers.ts';
import { formatKubeconfig } from './kubeconfig.ts';
import type { ClusterAccess } from './kubeconfig.ts';

export interface KubernetesSimulatorOptions {
  /** Of the loopback interface; any free one by default. */
  readonly port?: number;
  /** The machine's by default. */
  readonly clock?: TimerClock;
  /** `cloudscan` and `default` by default; `kube-system` and `kube-node-lease` always exist too. */
  readonly namespaces?: readonly string[];
  /** How many events each collection remembers at least, for watches that resume and lists that continue; 10,000 by default. */
  readonly historyLimit?: number;
  /** Draws from 0 to 1 for faults that have a probability; Math.random by default. */
  readonly random?: () => number;
}

const systemNamespaces = ['kube-system', 'kube-node-lease'];

/** A Kubernetes API server with the controllers behind it, speaking real HTTPS on the loopback interface. */
export class KubernetesSimulator implements AsyncDisposable {
  readonly access: ClusterAccess;
  /** The first is the one of the kubeconfig. */
  readonly namespaces: readonly string[];
  readonly clock: TimerClock;
  readonly faults: Faults;
  /** How often each verb was used on each resource since the start, such as `create jobs` or `get pods/log`. */
  readonly requests: ReadonlyMap<string, number>;
  readonly #api: ObjectApi;
  readonly #server: ApiServer;
  readonly #controllers: Controllers;

  private constructor(
    options: Required<KubernetesSimulatorOptions>,
    parts: { api: ObjectApi; faults: Faults; server: ApiServer; access: ClusterAccess },
  ) {
    this.namespaces = options.namespaces;
    this.clock = options.clock;
    this.access = parts.access;
    this.faults = parts.faults;
    this.requests = parts.server.requests;
    this.#api = parts.api;
    this.#server = parts.server;
    this.#controllers = new Controllers(parts.api);
  }

  static async start(options: KubernetesSimulatorOptions = {}): Promise<KubernetesSimulator> {
    const complete = {
      port: 0,
      clock: realClock,
      namespaces: ['cloudscan', 'default'],
      historyLimit: 10_000,
      random: Math.random,
      ...options,
    };
    const api = new ObjectApi({ resources, clock: complete.clock, historyLimit: complete.historyLimit });
    for (const name of [...complete.namespaces, ...systemNamespaces]) {
      api.create(namespaces, null, { metadata: { name, labels: { 'kubernetes.io/metadata.name': name } } });
    }
    const faults = new Faults(() => api.store.revision, complete.random);
    const certificate = await serverCertificate(['127.0.0.1', 'localhost']);
    const token = randomBytes(16).toString('hex');
    const server = new ApiServer({ api, faults, certificate, token });
    const access = accessOf(await server.listen(complete.port), certificate, token);
    const simulator = new KubernetesSimulator(complete, { api, faults, server, access });
    simulator.#controllers.start();
    return simulator;
  }

  get url(): string {
    return this.access.url;
  }

  get certificateAuthority(): string {
    return this.access.certificateAuthority;
  }

  get token(): string {
    return this.access.token!;
  }

  /** YAML, for the first of the namespaces. */
  kubeconfig(): string {
    return formatKubeconfig(this.access, this.namespaces[0]!);
  }

  /** Forgets all history: what resumes a watch or continues a list from before now is answered with 410. */
  compact(): void {
    this.#api.store.compact();
  }

  /** Resolves when the controllers have nothing to do until the clock moves or a request comes. */
  settled(): Promise<void> {
    return this.#controllers.settled();
  }

  /** Nothing is heard of the node from now on, as after a power cut; its pods are evicted when they no longer tolerate it. */
  loseNode(name: string): void {
    this.#controllers.loseNode(name);
  }

  /** Takes the node out of use and evicts its pods, as `kubectl drain` does. */
  drainNode(name: string): void {
    this.#api.modify(nodes, null, name, 'main', (node) => void (node.spec.unschedulable = true));
    for (const pod of this.#api.list(pods, null, withFields({ 'spec.nodeName': name }))) {
      evictPod(this.#api, pod.metadata.namespace!, pod.metadata.name);
    }
  }

  /** The scheduler takes the pod's place for one that matters more. */
  preemptPod(namespace: string, name: string): void {
    const message = 'default-scheduler: preempting to accommodate a higher priority pod';
    disruptPod(this.#api, namespace, name, { reason: 'PreemptionByScheduler', message });
  }

  async stop(): Promise<void> {
    this.#controllers.stop();
    await this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function accessOf(port: number, { certificate }: ServerCertificate, token: string): ClusterAccess {
  return { url: `https://127.0.0.1:${port}`, certificateAuthority: certificate, token, clientCertificate: null, clientKey: null };
}
