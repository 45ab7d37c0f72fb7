import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { K3sContainer } from '@testcontainers/k3s';

/**
 * Runs the suites that a simulator and a real cluster both have to pass: against the cluster of `KUBECONFIG`, else against a
 * k3s in Docker, else against the simulator. On a real cluster each test has a namespace of its own, which it deletes.
 */
const root = join(import.meta.dirname, '..');
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.js');
const suites = ['libs/testing/tests/kubernetes/{jobs,kubectl,lists,objects,watches}.test.ts', 'libs/job-dispatch/tests/cluster/*.test.ts'];
const k3s = 'rancher/k3s:v1.34.1-k3s1';

interface Cluster extends AsyncDisposable {
  /** As people are told. */
  readonly name: string;
  /** Null for the simulator. */
  readonly kubeconfig: string | null;
}

async function chooseCluster(): Promise<Cluster> {
  const kubeconfig = process.env['KUBECONFIG'];
  if (kubeconfig) return { name: `the cluster of ${kubeconfig}`, kubeconfig, [Symbol.asyncDispose]: () => Promise.resolve() };
  if (spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0) return startK3s();
  return {
    name: 'the simulator: neither KUBECONFIG is set nor Docker runs',
    kubeconfig: null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function startK3s(): Promise<Cluster> {
  const container = await new K3sContainer(k3s).start();
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-k3s-'));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, container.getKubeConfig(), { mode: 0o600 });
  const dispose = async (): Promise<void> => {
    await container.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: `${k3s} in Docker`, kubeconfig, [Symbol.asyncDispose]: dispose };
}

await using cluster = await chooseCluster();
process.stdout.write(`testing against ${cluster.name}\n`);
const child = spawn(process.execPath, [ava, ...suites, ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, ...(cluster.kubeconfig === null ? {} : { CLOUDSCAN_TEST_KUBECONFIG: cluster.kubeconfig }) },
  stdio: 'inherit',
});
const [exitCode] = (await once(child, 'exit')) as [number | null];
process.exitCode = exitCode ?? 1;
