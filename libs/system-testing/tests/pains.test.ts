import test from 'ava';
import { eventually, testFile } from '@cloudscan/testing';
import { ClusterRig } from '../src/cluster-rig.ts';
import { statusOf } from '../src/scan-client.ts';
import { ScriptedCluster } from '../src/scripted-cluster.ts';
import type { TestProject } from '../src/scan-client.ts';

/* What users of comparable systems suffer from and no other test of this project shows; its README has the whole table. */
const file = testFile(test);
let cluster: ScriptedCluster;
let rig: ClusterRig;
let project: TestProject;

test.before(async () => {
  cluster = await ScriptedCluster.start(file);
  rig = await ClusterRig.start(file, { kubeconfig: cluster.kubeconfigPath, namespace: cluster.namespace });
  project = await rig.client.makeProject({ maxRunningScans: 1 });
});

interface Job {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly ttlSecondsAfterFinished?: number };
  readonly status?: { readonly succeeded?: number };
}

async function completed(findings: number): Promise<string> {
  const id = await rig.client.createOfGit(project);
  cluster.script(id, { kind: 'complete', findings });
  await rig.client.start(id);
  const ended = await rig.client.ended(id);
  if (statusOf(ended) !== 'completed') throw new Error(ended.errorMessage);
  return id;
}

const jobsOf = (id: string): Promise<readonly Job[]> => cluster.list('jobs', `cloudscan.io/scan-id=${id}`);
const isRecorded = 'cloudscan.io/recorded=true';

test.serial('finished Jobs that are kept to be looked at hold no place', async (t) => {
  t.timeout(180_000);
  for (let count = 0; count < 4; count += 1) await completed(0);
  await eventually(async () => (await cluster.list('jobs', isRecorded)).length === 4, { timeoutMs: 30_000 });
  t.is((await cluster.list('jobs')).length, 4);
});

test.serial('a sweeper that starts takes up no Job whose end is recorded', async (t) => {
  t.timeout(180_000);
  const [sweeper] = rig.sweepers;
  await sweeper!.kill();
  await sweeper!.start();
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${sweeper!.opsPort}/metrics`)).text();
  await eventually(async () => /^cloudscan_sweep_duration_seconds_count\S* [1-9]/m.test(await metrics()), { timeoutMs: 60_000 });
  t.regex(await metrics(), /^cloudscan_jobs\b\S* 0$/m);
  t.is((await cluster.list('jobs', isRecorded)).length, 4);
});

test.serial('Kubernetes may not remove a Job before its end is recorded', async (t) => {
  t.timeout(180_000);
  const [sweeper] = rig.sweepers;
  await sweeper!.kill();
  const id = await completed(0);
  const [ended] = await eventually(
    async () => {
      const jobs = await jobsOf(id);
      return jobs[0]?.status?.succeeded === 1 ? jobs : null;
    },
    { timeoutMs: 30_000, what: 'the end of the Job' },
  );
  t.is(ended!.spec.ttlSecondsAfterFinished, undefined);
  await sweeper!.start();
  await eventually(async () => (await jobsOf(id))[0]?.spec.ttlSecondsAfterFinished === 3600, { timeoutMs: 60_000 });
});

test.serial('a scan costs the cluster the same few writes and bytes, however much it finds', async (t) => {
  t.timeout(180_000);
  const writes = async (findings: number): Promise<{ readonly count: number; readonly bytes: number }> => {
    const before = systemWrites();
    const id = await completed(findings);
    await eventually(async () => (await cluster.list('jobs', `${isRecorded},cloudscan.io/scan-id=${id}`)).length === 1, {
      timeoutMs: 30_000,
    });
    const selector = `cloudscan.io/scan-id=${id}`;
    const objects = [...(await jobsOf(id)), ...(await cluster.list('pods', selector)), ...(await cluster.list('secrets', selector))];
    return { count: systemWrites() - before, bytes: Math.max(...objects.map((object) => JSON.stringify(object).length)) };
  };
  const small = await writes(0);
  const large = await writes(1000);
  t.log(`${small.count} writes, objects of at most ${small.bytes} bytes`);
  t.is(large.count, small.count);
  t.true(small.count <= 6, `${small.count} writes`);
  t.true(large.bytes <= small.bytes + 100, `${large.bytes} bytes after ${small.bytes}`);
  t.true(small.bytes < 16_384);
});

/** What dispatcher and sweeper have written; the kubelet writes to pods only. */
function systemWrites(): number {
  const verbs = ['create', 'patch', 'update', 'delete'].flatMap((verb) => ['jobs', 'secrets'].map((resource) => `${verb} ${resource}`));
  return verbs.reduce((sum, name) => sum + (cluster.simulator.requests.get(name) ?? 0), 0);
}
