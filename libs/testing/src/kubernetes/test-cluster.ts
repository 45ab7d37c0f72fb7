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

export interface SimulatedCluster extends TestCluster {
  readonly simulator: KubernetesSimulator;
}

/**
 * What a conformance suite runs against: a simulator of its own or, when `CLOUDSCAN_TEST_KUBECONFIG` names a kubeconfig, the
 * cluster of that file's current context. The same tests must pass on both.
 */
export async function testCluster(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<TestCluster> {
  const path = process.env['CLOUDSCAN_TEST_KUBECONFIG'];
  return path === undefined ? simulatedCluster(t, options) : realCluster(t, path);
}

/** For tests of what only a simulator does: faults, lost history, a clock that stands still. */
export async function simulatedCluster(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<SimulatedCluster> {
  const simulator = await KubernetesSimulator.start(options);
  t.teardown(() => simulator.stop());
  const { access } = simulator;
  const namespace = simulator.namespaces[0]!;
  const kubeconfigPath = writeKubeconfig(t, access, namespace);
  return { ...access, namespace, kubeconfigPath, isSimulator: true, simulator, client: openClient(t, access) };
}

async function realCluster(t: Teardown, path: string): Promise<TestCluster> {
  const access = readKubeconfig(path);
  const client = openClient(t, access);
  const body = { metadata: { generateName: 'cloudscan-test-' } };
  const created = await client.send('/api/v1/namespaces', { method: 'POST', body });
  if (created.status !== 201) throw new Error(`no namespace for the tests: ${JSON.stringify(created.body)}`);
  const namespace = (created.body as { metadata: { name: string } }).metadata.name;
  t.teardown(async () => void (await client.send(`/api/v1/namespaces/${namespace}`, { method: 'DELETE' })));
  return { ...access, namespace, kubeconfigPath: writeKubeconfig(t, access, namespace), isSimulator: false, simulator: null, client };
}

function openClient(t: Teardown, access: ClusterAccess): ClusterClient {
  const client = new ClusterClient(access);
  t.teardown(() => client.close());
  return client;
}

function writeKubeconfig(t: Teardown, access: ClusterAccess, namespace: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-cluster-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'kubeconfig');
  writeFileSync(path, formatKubeconfig(access, namespace), { mode: 0o600 });
  return path;
}
