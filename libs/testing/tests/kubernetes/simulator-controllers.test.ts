import type { ExecutionContext } from 'ava';
import test from 'ava';
import { FakeClock } from '../../src/clock.ts';
import { eventually } from '../../src/eventually.ts';
import { uniqueName } from '../../src/factories.ts';
import type { KubernetesSimulator } from '../../src/kubernetes/simulator.ts';
import { simulatedCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { aJob, conditionsOf, Objects } from './objects.ts';
import type { Thing, ThingList } from './objects.ts';

testFile(test);

/** A simulated cluster in which the test is the kubelet. */
class Rig {
  readonly objects: Objects;
  readonly simulator: KubernetesSimulator;
  readonly #clock: FakeClock;

  private constructor(objects: Objects, simulator: KubernetesSimulator, clock: FakeClock) {
    this.objects = objects;
    this.simulator = simulator;
    this.#clock = clock;
  }

  static async start(t: ExecutionContext): Promise<Rig> {
    const clock = new FakeClock();
    const cluster = await simulatedCluster(t, { clock });
    return new Rig(new Objects(cluster), cluster.simulator, clock);
  }

  async node(
    name: string,
    spec: object = {},
    allocatable: object = { cpu: '1', memory: '1Gi', pods: '10' },
    labels: object = {},
  ): Promise<void> {
    const status = { allocatable, conditions: [{ type: 'Ready', status: 'True' }] };
    await this.objects.send('/api/v1/nodes', { method: 'POST', body: { metadata: { name, labels }, spec, status } });
    await this.simulator.settled();
  }

  /** What a kubelet says of its node every ten seconds. */
  async beat(name: string): Promise<void> {
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const spec = { holderIdentity: name, renewTime: this.#clock.now().toISOString() };
    const { status } = await this.objects.send(`${path}/${name}`, {
      method: 'PATCH',
      body: { spec },
      contentType: 'application/merge-patch+json',
    });
    if (status === 404) await this.objects.send(path, { method: 'POST', body: { metadata: { name }, spec } });
  }

  async pass(ms: number): Promise<void> {
    this.#clock.advance(ms);
    await this.simulator.settled();
  }

  async job(spec: object = {}, podSpec: object = {}, resources: object = {}): Promise<Thing> {
    const { template } = aJob('').spec;
    const containers = [{ ...template.spec.containers[0], resources }];
    const job = await this.objects.made('jobs', aJob('', { ...spec, template: { spec: { ...template.spec, containers, ...podSpec } } }));
    await this.simulator.settled();
    return job;
  }

  async read(job: Thing): Promise<Thing> {
    return (await this.objects.get('jobs', job.metadata.name)).body;
  }

  async pods(job: Thing): Promise<readonly Thing[]> {
    return (await this.objects.list<ThingList>('pods', { labelSelector: `job-name=${job.metadata.name}` })).body.items;
  }

  async pod(job: Thing): Promise<Thing> {
    const [pod] = await this.pods(job);
    if (pod === undefined) throw new Error(`${job.metadata.name} has no pod`);
    return pod;
  }

  async report(pod: Thing, phase: string): Promise<void> {
    const body = { status: { phase, startTime: this.#clock.now().toISOString() } };
    await this.objects.send(this.objects.path('pods', pod.metadata.name, 'status'), {
      method: 'PATCH',
      body,
      contentType: 'application/merge-patch+json',
    });
    await this.simulator.settled();
  }
}

function scheduling({ status }: Thing): string | undefined {
  const condition = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  return condition === undefined ? undefined : `${condition.status} ${condition.message ?? ''}`.trim();
}

test('lets a Job live exactly until its deadline', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const job = await rig.job({ activeDeadlineSeconds: 600 });
  await rig.report(await rig.pod(job), 'Running');
  await rig.pass(599_000);
  t.deepEqual(conditionsOf(await rig.read(job)), []);
  await rig.pass(1000);
  t.deepEqual(conditionsOf(await rig.read(job)), ['FailureTarget DeadlineExceeded']);
  await rig.objects.delete('pods', (await rig.pod(job)).metadata.name, { gracePeriodSeconds: 0 });
  await rig.simulator.settled();
  t.deepEqual(conditionsOf(await rig.read(job)), ['FailureTarget DeadlineExceeded', 'Failed DeadlineExceeded']);
});

test('keeps a finished Job exactly for its time to live', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const job = await rig.job({ ttlSecondsAfterFinished: 3600 });
  await rig.report(await rig.pod(job), 'Succeeded');
  await rig.pass(3_599_000);
  t.is((await rig.objects.get('jobs', job.metadata.name)).status, 200);
  await rig.pass(1000);
  t.is((await rig.objects.get('jobs', job.metadata.name)).status, 404);
  t.deepEqual(await rig.pods(job), []);
});

test('replaces a failed pod after a pause that doubles, until the backoff limit', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const job = await rig.job({ backoffLimit: 2 });
  for (const [failures, pauseMs] of [
    [1, 10_000],
    [2, 20_000],
  ] as const) {
    const current = (await rig.pods(job)).find(({ status }) => status?.phase === 'Pending');
    await rig.report(current!, 'Failed');
    await rig.pass(pauseMs - 1000);
    t.is((await rig.pods(job)).length, failures);
    await rig.pass(1000);
    t.is((await rig.pods(job)).length, failures + 1);
  }
  await rig.report(
    (await rig.pods(job)).find(({ status }) => status?.phase === 'Pending')!,
    'Failed',
  );
  t.deepEqual(conditionsOf(await rig.read(job)), ['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded']);
  t.is((await rig.read(job)).status?.failed, 3);
});

test('places pods where there is room, and the next when a pod has ended', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const resources = { requests: { cpu: '600m', memory: '100Mi' } };
  const first = await rig.job({}, {}, resources);
  const second = await rig.job({}, {}, resources);
  t.is((await rig.pod(first)).spec?.['nodeName'], 'one');
  t.regex(scheduling(await rig.pod(second))!, /^False 0\/1 nodes are available: 1 Insufficient cpu\. preemption: /);
  await rig.report(await rig.pod(first), 'Succeeded');
  t.is((await rig.pod(second)).spec?.['nodeName'], 'one');
  t.is(scheduling(await rig.pod(second)), 'True');
});

test('says why no node will do, and how many for each reason', async (t) => {
  const rig = await Rig.start(t);
  const job = await rig.job({}, { nodeSelector: { disk: 'fast' } });
  t.is(scheduling(await rig.pod(job)), 'False no nodes available to schedule pods');
  await rig.node('slow-1');
  await rig.node('slow-2');
  await rig.node('cordoned', { unschedulable: true });
  await rig.node('tainted', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] });
  const expected = [
    "2 node(s) didn't match Pod's node affinity/selector",
    '1 node(s) had untolerated taint {gpu: yes}',
    '1 node(s) were unschedulable',
  ];
  for (const reason of expected) t.true(scheduling(await rig.pod(job))!.includes(reason), reason);
  await rig.node('fast', {}, undefined, { disk: 'fast' });
  t.is((await rig.pod(job)).spec?.['nodeName'], 'fast');
});

test('places pods on a tainted node that tolerate its taint', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('tainted', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] });
  const job = await rig.job({}, { tolerations: [{ key: 'gpu', operator: 'Equal', value: 'yes', effect: 'NoSchedule' }] });
  t.is((await rig.pod(job)).spec?.['nodeName'], 'tainted');
});

test('evicts the pods of a node that has fallen silent once they no longer tolerate it, and says why', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const job = await rig.job();
  await rig.report(await rig.pod(job), 'Running');
  await rig.pass(40_000);
  await rig.beat('one');
  await rig.pass(40_000);
  t.is((await rig.objects.send('/api/v1/nodes/one')).body.status?.conditions?.[0]?.status, 'True');
  await rig.pass(10_000);
  t.like((await rig.objects.send('/api/v1/nodes/one')).body.status?.conditions?.[0], { status: 'Unknown', reason: 'NodeStatusUnknown' });
  await rig.pass(299_000);
  t.deepEqual(
    conditionsOf(await rig.pod(job)).filter((condition) => condition.startsWith('Disruption')),
    [],
  );
  await rig.pass(1000);
  const pod = await rig.pod(job);
  t.true(conditionsOf(pod).includes('DisruptionTarget DeletionByTaintManager'));
  t.truthy(pod.metadata.deletionTimestamp);
  // Nobody is there who could say that the pod has ended, so the Job is not over.
  t.deepEqual(conditionsOf(await rig.read(job)), ['FailureTarget BackoffLimitExceeded']);
  await rig.objects.send('/api/v1/nodes/one', { method: 'DELETE' });
  await rig.simulator.settled();
  await rig.pass(40_000);
  t.deepEqual(await rig.pods(job), []);
  t.deepEqual(conditionsOf(await rig.read(job)), ['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded']);
});

test('loses a node on request, whatever its kubelet still says', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  rig.simulator.loseNode('one');
  await rig.beat('one');
  await rig.simulator.settled();
  const { body } = await rig.objects.send('/api/v1/nodes/one');
  t.is(body.status?.conditions?.[0]?.status, 'Unknown');
  const taints = (body.spec?.['taints'] as { key: string; effect: string }[]).map(({ key, effect }) => `${key}:${effect}`);
  t.deepEqual(taints, ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute']);
});

test('drains a node: its pods are evicted and none comes', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const job = await rig.job();
  await rig.report(await rig.pod(job), 'Running');
  rig.simulator.drainNode('one');
  t.true(conditionsOf(await rig.pod(job)).includes('DisruptionTarget EvictionByEvictionAPI'));
  const late = await rig.job();
  t.regex(scheduling(await rig.pod(late))!, /1 node\(s\) were unschedulable/);
});

test('preempts a pod', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const job = await rig.job();
  const { metadata } = await rig.pod(job);
  await rig.report(await rig.pod(job), 'Running');
  rig.simulator.preemptPod(metadata.namespace, metadata.name);
  t.true(conditionsOf(await rig.pod(job)).includes('DisruptionTarget PreemptionByScheduler'));
});

test('removes the finalizer of pods that their Job left behind', async (t) => {
  const rig = await Rig.start(t);
  await rig.node('one');
  const job = await rig.job();
  await rig.report(await rig.pod(job), 'Running');
  await rig.objects.delete('jobs', job.metadata.name, { propagationPolicy: 'Orphan' });
  await rig.simulator.settled();
  const pod = await rig.pod(job);
  t.is(pod.metadata.finalizers, undefined);
  t.is(pod.metadata.ownerReferences, undefined);
});

test('collects a Secret that names an owner that never was', async (t) => {
  const rig = await Rig.start(t);
  const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'never', uid: '00000000-0000-4000-8000-000000000000' }];
  const { metadata } = await rig.objects.made('secrets', { metadata: { name: uniqueName('secret'), ownerReferences } });
  await eventually(async () => (await rig.objects.get('secrets', metadata.name)).status === 404);
  t.pass();
});
