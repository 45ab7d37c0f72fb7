import type { KubernetesApi } from './kubernetes-api.ts';
import { KubernetesApiError, untilAnswered } from './kubernetes-api.ts';
import type { TimerClock } from '../../clock.ts';
import { timestamp } from './pod-status.ts';

export interface NodeOptions {
  /** Beside those that every node has; by default none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Quantities by resource; by default more than any test asks for. */
  readonly capacity?: Readonly<Record<string, string>>;
}

/** Seconds after its last heartbeat at which a node counts as lost, as for a real kubelet. */
const leaseSeconds = 40;
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/** One Node of the cluster and the Lease that says it is alive. */
export class KubeletNode {
  readonly name: string;
  /** Gone without a word: it runs nothing and says nothing any more. */
  isLost = false;
  readonly #api: KubernetesApi;
  readonly #clock: TimerClock;
  readonly #options: NodeOptions;
  readonly #port: number;
  #isReady = true;
  #readySince: string;

  /** @param port of the kubelet's HTTPS server, from where the API server fetches logs */
  constructor(name: string, api: KubernetesApi, clock: TimerClock, port: number, options: NodeOptions) {
    this.name = name;
    this.#api = api;
    this.#clock = clock;
    this.#port = port;
    this.#options = options;
    this.#readySince = timestamp(clock.now());
  }

  /** Adopts a Node of that name that is there already. */
  async register(signal: AbortSignal): Promise<void> {
    const labels = { 'kubernetes.io/hostname': this.name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: this.name, labels: { ...labels, ...this.#options.labels } } };
    await untilAnswered(signal, () => this.#api.send('POST', '/api/v1/nodes', node).catch(unless(409)));
    await untilAnswered(signal, () => this.#reportStatus());
    await untilAnswered(signal, () => this.heartbeat());
  }

  async heartbeat(): Promise<void> {
    if (this.isLost) return;
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: this.name, namespace: 'kube-node-lease' },
      spec: { holderIdentity: this.name, leaseDurationSeconds: leaseSeconds, renewTime: microTime(this.#clock.now()) },
    };
    try {
      await this.#api.send('PATCH', `${leases}/${this.name}`, { spec: lease.spec }, 'merge');
    } catch (error) {
      unless(404)(error);
      await this.#api.send('POST', leases, lease).catch(unless(409));
    }
    await this.#reportStatus();
  }

  /** Says that it is shutting down: nothing more is placed there. */
  async becomeUnready(signal: AbortSignal): Promise<void> {
    this.#isReady = false;
    this.#readySince = timestamp(this.#clock.now());
    await untilAnswered(signal, () => this.#reportStatus());
  }

  async remove(): Promise<void> {
    await this.#api.delete(`/api/v1/nodes/${this.name}`).catch(unless(404));
    await this.#api.delete(`${leases}/${this.name}`).catch(unless(404));
  }

  async #reportStatus(): Promise<void> {
    const resources = this.#options.capacity ?? { cpu: '10000', memory: '10Ti', 'ephemeral-storage': '10Ti', pods: '20000' };
    const now = timestamp(this.#clock.now());
    const readiness = this.#isReady
      ? { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { status: 'False', reason: 'KubeletNotReady', message: 'node is shutting down' };
    await this.#api.send('PATCH', `/api/v1/nodes/${this.name}/status`, {
      status: {
        capacity: resources,
        allocatable: resources,
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: this.#port } },
        conditions: [{ type: 'Ready', ...readiness, lastHeartbeatTime: now, lastTransitionTime: this.#readySince }],
        nodeInfo,
      },
    });
  }
}

const nodeInfo = {
  architecture: 'amd64',
  operatingSystem: 'linux',
  kubeletVersion: 'v1.35.0-double',
  containerRuntimeVersion: 'process://1.0.0',
  osImage: 'a double of a kubelet',
  kernelVersion: '',
  kubeProxyVersion: '',
  machineID: '',
  systemUUID: '',
  bootID: '',
};

/** A MicroTime has six digits behind the second. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

/** Lets an answer of the API server with this status pass and throws all else. */
function unless(status: number): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof KubernetesApiError) || error.status !== status) throw error;
  };
}
