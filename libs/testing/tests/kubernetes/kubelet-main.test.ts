import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { eventually } from '../../src/eventually.ts';
import { uniqueName } from '../../src/factories.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { Pods } from './pods.ts';

const file = testFile(test);
let cluster: TestCluster;

test.before(async () => {
  cluster = await testCluster(file);
});

function startMain(env: Readonly<Record<string, string>>) {
  const main = fileURLToPath(new URL('../../src/kubernetes/kubelet/kubelet-main.ts', import.meta.url));
  return spawn(process.execPath, ['--conditions=@cloudscan/source', '--disable-warning=ExperimentalWarning', main], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('runs pods beside any cluster until it is told to stop', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-images-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const images = join(folder, 'images.json');
  writeFileSync(images, JSON.stringify({ 'greeter:1': { entrypoint: ['echo', 'hello'] } }));
  const node = uniqueName('node');
  const kubelet = startMain({ KUBECONFIG: cluster.kubeconfigPath, KUBELET_NODE: node, KUBELET_IMAGES: images });
  t.teardown(() => void kubelet.kill('SIGKILL'));
  await eventually(async () => (await cluster.client.send(`/api/v1/nodes/${node}`)).status === 200, { timeoutMs: 30_000 });
  const pods = new Pods(cluster);
  const shell = await pods.create(node, uniqueName('pod'), { image: 'busybox', command: ['sh', '-c', 'exit 0'] });
  const greeter = await pods.create(node, uniqueName('pod'), { image: 'greeter:1' });
  await pods.inPhase(shell, 'Succeeded');
  await pods.inPhase(greeter, 'Succeeded');
  t.is(await pods.log(greeter), 'hello\n');
  kubelet.kill('SIGTERM');
  t.deepEqual(await once(kubelet, 'exit'), [0, null]);
  t.is((await cluster.client.send(`/api/v1/nodes/${node}`)).status, 404);
});

test('says what it needs when it is not told of a cluster', async (t) => {
  const kubelet = startMain({});
  const [[code], message] = await Promise.all([once(kubelet, 'exit'), text(kubelet.stderr)]);
  t.is(code, 2);
  t.regex(message, /KUBECONFIG is not set; set it to the path of a kubeconfig/);
});
