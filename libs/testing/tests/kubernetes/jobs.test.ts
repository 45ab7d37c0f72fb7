import test from 'ava';
import { eventually } from '../../src/eventually.ts';
import { uniqueName } from '../../src/factories.ts';
import { ProcessKubelet } from '../../src/kubernetes/kubelet/process-kubelet.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { aJob, conditionsOf, Objects } from './objects.ts';
import type { Thing, ThingList } from './objects.ts';

const file = testFile(test);
let cluster: TestCluster;
let objects: Objects;
test.before(async () => {
  cluster = await testCluster(file);
  objects = new Objects(cluster);
  if (!cluster.isSimulator) return;
  // A real cluster has nodes of its own, or the kubelets that its owner put there.
  const kubelet = await ProcessKubelet.start(cluster, { images: { busybox: {} } });
  file.teardown(() => kubelet.stop());
});

const patience = { timeoutMs: 60_000 };

async function once(name: string, what: string, check: (job: Thing) => boolean): Promise<Thing> {
  return eventually(
    async () => {
      const { body } = await objects.get('jobs', name);
      if (!check(body)) throw new Error(`it is ${JSON.stringify(body)}`);
      return body;
    },
    { ...patience, what: `${what} of ${name}` },
  );
}

async function podsOf(job: Thing): Promise<readonly Thing[]> {
  return (await objects.list<ThingList>('pods', { labelSelector: `batch.kubernetes.io/job-name=${job.metadata.name}` })).body.items;
}

async function untilGone(plural: string, name: string): Promise<void> {
  await eventually(async () => (await objects.get(plural, name)).status === 404, { ...patience, what: `the end of ${name}` });
}

function isRunning(job: Thing): boolean {
  return job.status?.ready === 1;
}

test('counts a pod that succeeds, says that the Job is complete and keeps its pod', async (t) => {
  const job = await objects.made('jobs', aJob('exit 0'));
  const done = await once(job.metadata.name, 'the completion', ({ status }) => status?.completionTime !== undefined);
  t.like(done.status, { succeeded: 1, uncountedTerminatedPods: {} });
  t.falsy(done.status?.active);
  t.deepEqual(conditionsOf(done), ['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached']);
  t.true(Date.parse(done.status!.completionTime!) >= Date.parse(done.status!.startTime!));
  const [pod] = await podsOf(job);
  t.is(pod?.status?.phase, 'Succeeded');
  t.falsy(pod?.metadata.finalizers);
  t.is(pod?.metadata.ownerReferences?.[0]?.uid, job.metadata.uid);
});

test('makes one pod and no other when it fails with no backoff allowed', async (t) => {
  const job = await objects.made('jobs', aJob('exit 3'));
  const done = await once(job.metadata.name, 'the failure', (current) =>
    conditionsOf(current).some((condition) => condition.startsWith('Failed')),
  );
  t.deepEqual(conditionsOf(done), ['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded']);
  t.like(done.status, { failed: 1 });
  t.is(done.status?.completionTime, undefined);
  t.deepEqual(
    (await podsOf(job)).map(({ status }) => status?.phase),
    ['Failed'],
  );
});

test('shows a pod that runs as active and ready, with a finalizer until it is counted', async (t) => {
  const job = await objects.made('jobs', aJob('sleep 600'));
  const running = await once(job.metadata.name, 'a ready pod', isRunning);
  t.like(running.status, { active: 1, ready: 1 });
  t.deepEqual((await podsOf(job))[0]?.metadata.finalizers, ['batch.kubernetes.io/job-tracking']);
  await objects.delete('jobs', job.metadata.name, { propagationPolicy: 'Foreground' });
});

test('fails a Job that runs into its deadline, and ends its pod', async (t) => {
  const job = await objects.made('jobs', aJob('sleep 600', { activeDeadlineSeconds: 2 }));
  const done = await once(job.metadata.name, 'the failure', (current) =>
    conditionsOf(current).some((condition) => condition.startsWith('Failed')),
  );
  t.deepEqual(conditionsOf(done), ['FailureTarget DeadlineExceeded', 'Failed DeadlineExceeded']);
  t.is(done.status?.conditions?.find(({ type }) => type === 'Failed')?.message, 'Job was active longer than specified deadline');
  await eventually(async () => (await podsOf(job)).length === 0, patience);
});

test('ends the pod of a Job that is suspended, without counting it, and starts anew when it is resumed', async (t) => {
  const job = await objects.made('jobs', aJob('sleep 600'));
  const { name } = job.metadata;
  await once(name, 'a ready pod', isRunning);
  const [first] = await podsOf(job);
  await objects.patch('jobs', name, { spec: { suspend: true } });
  await eventually(async () => (await podsOf(job)).length === 0, patience);
  const suspended = await once(name, 'suspension', ({ status }) => !status?.active);
  t.deepEqual(conditionsOf(suspended), ['Suspended JobSuspended']);
  t.is(suspended.status?.failed, undefined);
  await objects.patch('jobs', name, { spec: { suspend: false } });
  await once(name, 'a ready pod', isRunning);
  t.not((await podsOf(job))[0]?.metadata.uid, first?.metadata.uid);
  await objects.delete('jobs', name, { propagationPolicy: 'Foreground' });
});

test('makes no pod for a Job that comes suspended', async (t) => {
  const job = await objects.made('jobs', aJob('exit 0', { suspend: true }));
  const suspended = await once(job.metadata.name, 'suspension', (current) => conditionsOf(current).length > 0);
  t.deepEqual(conditionsOf(suspended), ['Suspended JobSuspended']);
  t.is(suspended.status?.startTime, undefined);
  t.deepEqual(await podsOf(job), []);
  await objects.delete('jobs', job.metadata.name, { propagationPolicy: 'Background' });
});

test('counts a pod that is deleted as failed', async (t) => {
  const job = await objects.made('jobs', aJob('sleep 600'));
  await once(job.metadata.name, 'a ready pod', isRunning);
  const [pod] = await podsOf(job);
  await objects.delete('pods', pod!.metadata.name);
  const done = await once(job.metadata.name, 'the failure', (current) =>
    conditionsOf(current).some((condition) => condition.startsWith('Failed')),
  );
  t.is(done.status?.failed, 1);
});

test('marks an evicted pod as disrupted', async (t) => {
  const job = await objects.made('jobs', aJob('trap "" TERM; sleep 600'));
  await once(job.metadata.name, 'a ready pod', isRunning);
  const [pod] = await podsOf(job);
  const { name } = pod!.metadata;
  const stop = new AbortController();
  const events = objects.watch(
    'pods',
    { fieldSelector: `metadata.name=${name}`, resourceVersion: pod!.metadata.resourceVersion },
    stop.signal,
  );
  const eviction = await objects.send(objects.path('pods', name, 'eviction'), {
    method: 'POST',
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: cluster.namespace } },
  });
  t.is(eviction.status, 201);
  for await (const { object } of events) {
    if (!conditionsOf(object).includes('DisruptionTarget EvictionByEvictionAPI')) continue;
    t.pass();
    stop.abort();
  }
  await objects.delete('jobs', job.metadata.name, { propagationPolicy: 'Foreground' });
});

test('deletes a finished Job with its pod after its time to live', async (t) => {
  const job = await objects.made('jobs', aJob('exit 0', { ttlSecondsAfterFinished: 1 }));
  await untilGone('jobs', job.metadata.name);
  t.deepEqual(await podsOf(job), []);
});

test('gives a finished Job its time to live afterwards', async (t) => {
  const job = await objects.made('jobs', aJob('exit 0'));
  const { name } = job.metadata;
  await once(name, 'the completion', ({ status }) => status?.completionTime !== undefined);
  t.is((await objects.patch('jobs', name, { spec: { ttlSecondsAfterFinished: 0 } })).status, 200);
  await untilGone('jobs', name);
});

test('deletes in the foreground: the Job stays until its pods are gone', async (t) => {
  const job = await objects.made('jobs', aJob('sleep 600'));
  const { name } = job.metadata;
  await once(name, 'a ready pod', isRunning);
  const { status, body } = await objects.delete('jobs', name, { propagationPolicy: 'Foreground' });
  t.is(status, 200);
  t.truthy(body.metadata.deletionTimestamp);
  t.deepEqual(body.metadata.finalizers, ['foregroundDeletion']);
  await untilGone('jobs', name);
  t.deepEqual(await podsOf(job), []);
});

test('deletes in the background: the Job is gone at once, its pods follow', async (t) => {
  const job = await objects.made('jobs', aJob('sleep 600'));
  const { name } = job.metadata;
  await once(name, 'a ready pod', isRunning);
  await objects.delete('jobs', name, { propagationPolicy: 'Background' });
  t.is((await objects.get('jobs', name)).status, 404);
  await eventually(async () => (await podsOf(job)).length === 0, patience);
});

test('leaves the pods where the client does not say how to delete, and forgets their owner', async (t) => {
  const job = await objects.made('jobs', aJob('exit 0'));
  const { name } = job.metadata;
  await once(name, 'the completion', ({ status }) => status?.completionTime !== undefined);
  await objects.delete('jobs', name);
  await untilGone('jobs', name);
  const [pod] = await podsOf(job);
  t.falsy(pod?.metadata.ownerReferences);
  await objects.delete('pods', pod!.metadata.name);
});

test('says of a pod that fits nowhere that it is unschedulable', async (t) => {
  const template = { spec: { ...aJob('exit 0').spec.template.spec, nodeSelector: { 'example.org/none': 'such' } } };
  const job = await objects.made('jobs', aJob('', { template }));
  const condition = await eventually(async () => {
    const [pod] = await podsOf(job);
    return pod?.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  }, patience);
  t.is(condition.reason, 'Unschedulable');
  t.regex(condition.message!, /^0\/\d+ nodes are available: .*didn't match Pod's node affinity\/selector/);
  await objects.delete('jobs', job.metadata.name, { propagationPolicy: 'Background' });
});

test('hands on the log of a container: all, its end, its first bytes', async (t) => {
  const job = await objects.made('jobs', aJob('echo one; echo two; echo three'));
  await once(job.metadata.name, 'the completion', ({ status }) => status?.completionTime !== undefined);
  const [pod] = await podsOf(job);
  const path = objects.path('pods', pod!.metadata.name, 'log');
  t.is((await objects.send<string>(path)).body, 'one\ntwo\nthree\n');
  t.is((await objects.send<string>(path, { query: { tailLines: 1 } })).body, 'three\n');
  t.is((await objects.send<string>(path, { query: { limitBytes: 3 } })).body, 'one');
  const wrong = await objects.send(path, { query: { container: 'other' } });
  t.is(wrong.status, 400);
});

test('does not let two Jobs of one name share pods', async (t) => {
  const name = uniqueName('job');
  const first = await objects.made('jobs', aJob('sleep 600', {}, { name }));
  await once(name, 'a ready pod', isRunning);
  await objects.delete('jobs', name, { propagationPolicy: 'Background' });
  const second = await objects.made('jobs', aJob('exit 0', {}, { name }));
  const done = await once(name, 'the completion', ({ status }) => status?.completionTime !== undefined);
  t.like(done.status, { succeeded: 1 });
  t.is(done.status?.failed, undefined);
  t.not(first.metadata.uid, second.metadata.uid);
});
