import { setTimeout as delay } from 'node:timers/promises';
import { realClock } from '../../clock.ts';
import type { TimerClock } from '../../clock.ts';
import type { ClusterAccess } from '../kubeconfig.ts';
import type { ContainerRuntime } from './container-runtime.ts';
import { KubeletNode } from './kubelet-node.ts';
import type { NodeOptions } from './kubelet-node.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import type { Pod } from './kubernetes-types.ts';
import { LogServer } from './log-server.ts';
import { PodSource } from './pod-source.ts';
import type { PodTermination } from './pod-status.ts';
import { PodWorker } from './pod-worker.ts';
import { StatusReporter } from './status-reporter.ts';

export interface KubeletOptions extends NodeOptions {
  /** The Nodes that it is; one called `node-1` by default. */
  readonly nodes?: readonly string[];
  /** The machine's by default. */
  readonly clock?: TimerClock;
  /** Milliseconds between two heartbeats; 10,000 by default, as for a real kubelet. */
  readonly heartbeatMs?: number;
  /** How many requests may be under way at once; 32 by default. */
  readonly connections?: number;
  /** Gets what the API server refuses for good; a warning of the process by default. */
  readonly onError?: (error: Error) => void;
}

/**
 * A double of the kubelets of some nodes: a client of the Kubernetes API like any kubelet, beside a real API server or a
 * simulated one. It registers its nodes and runs the pods that a scheduler places there.
 */
export class Kubelet implements AsyncDisposable {
  readonly #api: KubernetesApi;
  readonly #runtime: ContainerRuntime;
  readonly #clock: TimerClock;
  readonly #options: KubeletOptions;
  readonly #stopping = new AbortController();
  readonly #reporter: StatusReporter;
  readonly #nodes = new Map<string, KubeletNode>();
  readonly #workers = new Map<string, PodWorker>();
  /** Pods that are being taken out of the cluster. */
  readonly #removals = new Set<Promise<void>>();
  #logs: LogServer | null = null;
  #loops: Promise<unknown> = Promise.resolve();

  protected constructor(access: ClusterAccess, runtime: ContainerRuntime, options: KubeletOptions) {
    this.#api = new KubernetesApi(access, options.connections);
    this.#runtime = runtime;
    this.#clock = options.clock ?? realClock;
    this.#options = options;
    this.#reporter = new StatusReporter(this.#api, this.#stopping.signal, options.onError ?? ((error) => process.emitWarning(error)));
  }

  /** Done when its nodes are registered and ready. */
  protected async begin(): Promise<void> {
    const { nodes = ['node-1'], heartbeatMs = 10_000 } = this.#options;
    const { signal } = this.#stopping;
    this.#logs = await LogServer.start((namespace, name) => this.#findWorker(namespace, name));
    for (const name of nodes) this.#nodes.set(name, new KubeletNode(name, this.#api, this.#clock, this.#logs.port, this.#options));
    await Promise.all([...this.#nodes.values()].map((node) => node.register(signal)));
    const source = new PodSource(this.#api, new Set(nodes), { onPod: (pod) => this.#see(pod), onGone: (pod) => this.#forget(pod) });
    this.#loops = Promise.all([source.follow(signal), this.#beat(heartbeatMs, signal)]);
  }

  /** Where the API server fetches logs. */
  get port(): number {
    return this.#logs!.port;
  }

  /** Ends a pod as a node does that runs out of something. @throws when no such pod is here */
  evict(namespace: string, podName: string, message = 'The node was low on resource: memory.'): void {
    this.terminate(namespace, podName, { reason: 'Evicted', message, isDisruption: true });
  }

  /** Ends a pod for a reason of the node's own. @throws when no such pod is here */
  terminate(namespace: string, podName: string, termination: PodTermination): void {
    const worker = this.#findWorker(namespace, podName);
    if (worker === null) throw new Error(`no pod ${namespace}/${podName} is on this kubelet`);
    worker.terminate(termination);
  }

  /** The machine is told to go, as a spot instance is: its pods end within their grace, and nothing new is placed there. */
  async shutDownNode(name: string): Promise<void> {
    const message = 'Pod was terminated in response to imminent node shutdown.';
    await this.#nodes.get(name)?.becomeUnready(this.#stopping.signal);
    for (const worker of this.#workersOn(name)) worker.terminate({ reason: 'Terminated', message, isDisruption: true });
  }

  /** The machine is gone from one moment to the next: no heartbeat, no report, and its containers are dead. */
  async loseNode(name: string): Promise<void> {
    const node = this.#nodes.get(name);
    if (node !== undefined) node.isLost = true;
    const lost = this.#workersOn(name);
    for (const worker of lost) worker.abandon();
    await Promise.all(lost.map((worker) => worker.stop()));
  }

  /** Kills all containers and takes its nodes out of the cluster. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const workers = [...this.#workers.values()];
    for (const worker of workers) worker.abandon();
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all([...this.#nodes.values()].map((node) => node.remove().catch(() => undefined)));
    this.#stopping.abort();
    await this.#loops;
    await Promise.all([this.#reporter.settle(), ...this.#removals]);
    await Promise.all(workers.map(({ pod }) => this.#runtime.forget(pod)));
    await this.#logs?.stop();
    await this.#api.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #see(pod: Pod): void {
    const { uid } = pod.metadata;
    if (this.#nodes.get(pod.spec.nodeName!)?.isLost !== false || this.#stopping.signal.aborted) return;
    const known = this.#workers.get(uid);
    if (known !== undefined) return known.update(pod);
    const worker = new PodWorker(pod, {
      runtime: this.#runtime,
      clock: this.#clock,
      report: (current, status) => this.#reporter.report(current, status),
      remove: (current) => this.#remove(current),
    });
    this.#workers.set(uid, worker);
    worker.begin();
  }

  #forget(pod: Pod): void {
    const worker = this.#workers.get(pod.metadata.uid);
    this.#workers.delete(pod.metadata.uid);
    worker?.abandon();
    // Deleted by force, it may still run.
    this.#track(worker?.stop().then(() => this.#runtime.forget(pod)) ?? this.#runtime.forget(pod));
  }

  #remove(pod: Pod): void {
    this.#track(this.#reporter.remove(pod));
  }

  #track(work: Promise<void>): void {
    const removal = work.finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  #findWorker(namespace: string, name: string): PodWorker | null {
    const workers = [...this.#workers.values()];
    return workers.find(({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace) ?? null;
  }

  #workersOn(node: string): readonly PodWorker[] {
    return [...this.#workers.values()].filter(({ pod }) => pod.spec.nodeName === node);
  }

  async #beat(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      // One that fails is made good by the next.
      if (!signal.aborted) await Promise.all([...this.#nodes.values()].map((node) => node.heartbeat().catch(() => undefined)));
    }
  }
}
