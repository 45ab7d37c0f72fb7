import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import test from 'ava';
import { eventually } from '../../src/eventually.ts';
import { ProcessKubelet } from '../../src/kubernetes/kubelet/process-kubelet.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';
import { requires } from '../../src/requires.ts';
import { testFile } from '../../src/test-file.ts';
import { aJob, Objects } from './objects.ts';
import type { Thing } from './objects.ts';

const file = testFile(test);
const run = promisify(execFile);
let cluster: TestCluster;
let objects: Objects;
let home: string;
test.before(async () => {
  cluster = await testCluster(file);
  objects = new Objects(cluster);
  home = mkdtempSync(join(tmpdir(), 'cloudscan-kubectl-'));
  file.teardown(() => rmSync(home, { recursive: true, force: true }));
  if (!cluster.isSimulator) return;
  const kubelet = await ProcessKubelet.start(cluster, { images: { busybox: {} } });
  file.teardown(() => kubelet.stop());
});

/** With a cache of discovery of its own: another would outlive the cluster. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, HOME: home, KUBECONFIG: cluster.kubeconfigPath };
}

async function kubectl(...args: readonly string[]): Promise<string> {
  return (await run('kubectl', args, { env: environment() })).stdout;
}

/** A Job that ran; its pod has written two lines. */
async function aFinishedJob(): Promise<Thing> {
  const job = await objects.made('jobs', aJob('echo one; echo two', {}, { labels: { app: 'kubectl' } }));
  return eventually(
    async () => {
      const { body } = await objects.get('jobs', job.metadata.name);
      return body.status?.completionTime === undefined ? null : body;
    },
    { timeoutMs: 60_000 },
  );
}

function wordsOf(table: string, name: string): readonly string[] {
  return (
    table
      .split('\n')
      .find((line) => line.includes(name))
      ?.trim()
      .split(/\s+/) ?? []
  );
}

const withKubectl = requires(test, 'kubectl');

withKubectl('kubectl get shows Jobs and pods as tables, with labels selected', async (t) => {
  const { metadata } = await aFinishedJob();
  const table = await kubectl('get', 'jobs,pods', '-l', 'app=kubectl');
  t.deepEqual(table.split('\n')[0]?.split(/\s+/), ['NAME', 'STATUS', 'COMPLETIONS', 'DURATION', 'AGE']);
  t.deepEqual(wordsOf(table, metadata.name).slice(0, 3), [`job.batch/${metadata.name}`, 'Complete', '1/1']);
  const wide = await kubectl('get', 'pods', '-o', 'wide', '-l', `job-name=${metadata.name}`);
  t.deepEqual(wordsOf(wide, 'NAME').slice(0, 7), ['NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'IP', 'NODE']);
  t.deepEqual(wordsOf(wide, metadata.name).slice(1, 4), ['0/1', 'Completed', '0']);
});

withKubectl('kubectl get -o yaml prints the object', async (t) => {
  const { metadata } = await aFinishedJob();
  const yaml = await kubectl('get', 'job', metadata.name, '-o', 'yaml');
  t.regex(yaml, /^kind: Job$/m);
  t.true(yaml.includes(`uid: ${metadata.uid}`));
});

withKubectl('kubectl get -w follows a Job to its end', async (t) => {
  const { metadata } = await objects.made('jobs', aJob('exit 0'));
  const watching = spawn('kubectl', ['get', 'job', metadata.name, '-w'], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => watching.kill());
  const states = new Set<string>();
  for await (const line of createInterface(watching.stdout)) {
    const [name, state] = line.trim().split(/\s+/);
    if (name === metadata.name) states.add(state!);
    if (state === 'Complete') break;
  }
  t.is([...states].at(-1), 'Complete');
});

withKubectl('kubectl wait ends when a Job is complete', async (t) => {
  const { metadata } = await objects.made('jobs', aJob('exit 0'));
  const output = await kubectl('wait', '--for=condition=complete', '--timeout=60s', `job/${metadata.name}`);
  t.is(output.trim(), `job.batch/${metadata.name} condition met`);
});

withKubectl('kubectl logs prints what the container of a Job has written', async (t) => {
  const { metadata } = await aFinishedJob();
  t.is(await kubectl('logs', `job/${metadata.name}`), 'one\ntwo\n');
  t.is(await kubectl('logs', `job/${metadata.name}`, '--tail=1'), 'two\n');
});

withKubectl('kubectl describe tells what happened to a Job', async (t) => {
  const { metadata } = await aFinishedJob();
  const description = await kubectl('describe', 'job', metadata.name);
  t.regex(description, /Pods Statuses:\s+0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed/);
  t.regex(description, /SuccessfulCreate .*Created pod/);
});

withKubectl('kubectl delete removes a Job and its pods', async (t) => {
  const { metadata } = await aFinishedJob();
  t.regex(await kubectl('delete', 'job', metadata.name), new RegExp(`"${metadata.name}" deleted`));
  await eventually(async () => (await kubectl('get', 'pods', '-l', `job-name=${metadata.name}`, '-o', 'name')) === '');
});

withKubectl('kubectl label and patch change a Job', async (t) => {
  const { metadata } = await aFinishedJob();
  await kubectl('label', 'job', metadata.name, 'colour=red');
  await kubectl('patch', 'job', metadata.name, '-p', '{"spec":{"ttlSecondsAfterFinished":600}}');
  const { body } = await objects.get('jobs', metadata.name);
  t.is(body.metadata.labels?.['colour'], 'red');
  t.is(body.spec?.['ttlSecondsAfterFinished'], 600);
});

withKubectl('kubectl create makes an object of a file', async (t) => {
  const path = join(home, 'job.json');
  const job = aJob('exit 0', { suspend: true });
  writeFileSync(path, JSON.stringify(job));
  t.is((await kubectl('create', '--validate=false', '-f', path)).trim(), `job.batch/${job.metadata.name} created`);
  t.is((await objects.get('jobs', job.metadata.name)).status, 200);
});
