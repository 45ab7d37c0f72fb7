import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from '../test-file.ts';
import { ClusterClient } from './cluster-client.ts';
import { formatKubeconfig, readKubeconfig } from './kubeconfig.ts';
import type { ClusterAccess } from './kubeconfig.ts';
import { KubernetesSimulator } from './simulator.ts';
import type { KubernetesSimulatorOptions } from './simulator.ts';

export interface TestCluster extends ClusterAccess {
  /** The tests' own; on a real cluster made for the run and deleted at teardown. */
  readonly namespace: string;
  /** Of a file whose only context is this cluster with that namespace. */
  readonly kubeconfigPath: string;
  readonly isSimulator: boolean;
  /** Null on a real cluster. */
  readonly simulator: KubernetesSimulator | null;
  /** Speaks plain HTTPS with the cluster; closed at teardown. */
  readonly client: ClusterClient;
}

/**
 * What a conformance suite runs against: a simulator of its own or, when `CLOUDSCAN_TEST_KUBECONFIG` names a kubeconfig, the
 * cluster of that file's current context. The same tests must pass on both.
 */
export async function testCluster(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<TestCluster> {
  const path = process.env['CLOUDSCAN_TEST_KUBECONFIG'];
  const cluster = path === undefined ? await simulatedCluster(t, options) : await realCluster(t, path);
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-cluster-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const kubeconfigPath = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigPath, formatKubeconfig(cluster, cluster.namespace), { mode: 0o600 });
  return { ...cluster, kubeconfigPath };
}

async function simulatedCluster(t: Teardown, options: KubernetesSimulatorOptions): Promise<Omit<TestCluster, 'kubeconfigPath'>> {
  const simulator = await KubernetesSimulator.start(options);
  t.teardown(() => simulator.stop());
  const client = new ClusterClient(simulator.access);
  t.teardown(() => client.close());
  return { ...simulator.access, namespace: simulator.namespaces[0]!, isSimulator: true, simulator, client };
}

async function realCluster(t: Teardown, path: string): Promise<Omit<TestCluster, 'kubeconfigPath'>> {
  const access = readKubeconfig(path);
  const client = new ClusterClient(access);
  t.teardown(() => client.close());
  const { status, body } = await client.send('/api/v1/namespaces', {
    method: 'POST',
    body: { metadata: { generateName: 'cloudscan-test-' } },
  });
  if (status !== 201) throw new Error(`no namespace for the tests: ${JSON.stringify(body)}`);
  const namespace = (body as { metadata: { name: string } }).metadata.name;
  t.teardown(async () => void (await client.send(`/api/v1/namespaces/${namespace}`, { method: 'DELETE' })));
  return { ...access, namespace, isSimulator: false, simulator: null, client };
}
