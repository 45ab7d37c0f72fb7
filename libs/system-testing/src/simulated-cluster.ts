import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesSimulator } from '@cloudscan/testing';
import type { KubernetesSimulatorOptions, Teardown } from '@cloudscan/testing';
import { Cluster } from './cluster.ts';

/** A simulated cluster in this process, without nodes. */
export class SimulatedCluster extends Cluster {
  readonly simulator: KubernetesSimulator;

  protected constructor(simulator: KubernetesSimulator, kubeconfigPath: string) {
    super(simulator.access, simulator.namespaces[0]!, kubeconfigPath);
    this.simulator = simulator;
  }

  /** It is gone after the test. */
  static async start(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<SimulatedCluster> {
    const cluster = new SimulatedCluster(...(await SimulatedCluster.boot(t, options)));
    t.teardown(() => cluster[Symbol.dispose]());
    return cluster;
  }

  protected static async boot(t: Teardown, options: KubernetesSimulatorOptions): Promise<[KubernetesSimulator, string]> {
    const simulator = await KubernetesSimulator.start(options);
    t.teardown(() => simulator.stop());
    const folder = await mkdtemp(join(tmpdir(), 'cloudscan-cluster-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const kubeconfigPath = join(folder, 'kubeconfig');
    writeFileSync(kubeconfigPath, simulator.kubeconfig(), { mode: 0o600 });
    return [simulator, kubeconfigPath];
  }
}
