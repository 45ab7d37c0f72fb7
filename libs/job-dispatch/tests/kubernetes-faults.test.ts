import test from 'ava';
import { jobNameOf } from '@cloudscan/domain';
import type { DomainError } from '@cloudscan/domain';
import { eventually } from '@cloudscan/testing';
import type { Fault } from '@cloudscan/testing';
import type { WireJob, WireSecret } from '../src/kubernetes/resources.ts';
import { simulate, startKubelet } from './cluster/cluster-jobs.ts';
import { aJobSpec, listed, reaches, statusOf } from './jobs.ts';

const creating = { verbs: ['create'], resources: ['jobs'] } as const;

const passing: readonly Fault['effect'][] = [
  { kind: 'status', code: 409 },
  { kind: 'status', code: 429 },
  { kind: 'status', code: 500 },
  { kind: 'status', code: 503 },
  { kind: 'status', code: 504 },
  { kind: 'status', code: 401 },
  { kind: 'reset', when: 'before' },
  { kind: 'reset', when: 'after' },
  { kind: 'hang' },
  { kind: 'slow', delayMs: 5500 },
];
for (const effect of passing) {
  test(`a Job is made, once, although the API fails twice with ${Object.values(effect).join(' ')}`, async (t) => {
    const { jobs, simulator } = await simulate(t);
    const dispatcher = jobs.dispatcher('exit 0', { KUBE_REQUEST_TIMEOUT_SECONDS: '5' });
    simulator.faults.add({ ...creating, effect, count: 2 });
    const { jobName } = await dispatcher.create(aJobSpec());
    t.deepEqual(
      (await listed(dispatcher)).map((status) => status.jobName),
      [jobName],
    );
    t.true((simulator.requests.get('create jobs') ?? 0) >= 2);
  });
}

test('an API that stays away is unavailable, after a few tries', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const dispatcher = jobs.dispatcher('exit 0');
  simulator.faults.add({ ...creating, effect: { kind: 'status', code: 503 } });
  await t.throwsAsync(dispatcher.create(aJobSpec()), { code: 'unavailable', message: 'the Kubernetes API is not available; try again' });
  t.is(simulator.requests.get('create jobs'), 5);
  await simulator.stop();
  await t.throwsAsync(dispatcher.create(aJobSpec()), { code: 'unavailable' });
  await t.throwsAsync(dispatcher.ping(AbortSignal.timeout(10_000)), { code: 'unavailable' });
});

test('waits as long as the API asks, and tells its caller where that is too long', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const dispatcher = jobs.dispatcher('exit 0');
  const throttle = (retryAfterSeconds: number) =>
    simulator.faults.add({ ...creating, effect: { kind: 'status', code: 429, retryAfterSeconds }, count: 1 });
  throttle(1);
  const startedAt = performance.now();
  await dispatcher.create(aJobSpec());
  t.true(performance.now() - startedAt >= 1000);
  throttle(120);
  const error = await t.throwsAsync<DomainError>(dispatcher.create(aJobSpec()), { code: 'unavailable' });
  t.is(error.retryAfterMs, 120_000);
});

test('what is forbidden is tried once, and the error names what a Role has to allow', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const dispatcher = jobs.dispatcher('exit 0');
  simulator.faults.add({ ...creating, effect: { kind: 'status', code: 403 } });
  await t.throwsAsync(dispatcher.create(aJobSpec()), {
    code: 'internal',
    message: 'the Kubernetes API forbids to create jobs in the namespace cloudscan; its Role has to allow it',
  });
  t.is(simulator.requests.get('create jobs'), 1);
  await t.throwsAsync(jobs.platform().prepare(), { name: 'StartUpError', message: /its Role has to allow it \(HTTP 403 Forbidden/ });
});

test('a quota that is used up is told from a right that is missing', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const message = 'jobs.batch "x" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: 5, limited: 5';
  simulator.faults.add({ ...creating, effect: { kind: 'status', code: 403, message } });
  const platform = jobs.platform();
  await t.throwsAsync(platform.jobs.create(aJobSpec()), { code: 'resource_exhausted' });
  await t.notThrowsAsync(platform.prepare());
});

test('a dispatcher starts while the API is away', async (t) => {
  const { jobs, simulator } = await simulate(t);
  simulator.faults.add({ effect: { kind: 'status', code: 503 } });
  await t.notThrowsAsync(jobs.platform().prepare());
});

test('a Job whose dispatcher died in between is finished by the next try: with its Secret, owned', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const env = { RUNNER_TOKEN_KEY: 'k'.repeat(32) };
  const spec = aJobSpec();
  const name = jobNameOf(spec.scanId, 1);
  const dispatcher = jobs.dispatcher('exit 0', env);
  const dieAt = async (fault: Omit<Fault, 'effect'>): Promise<void> => {
    const id = simulator.faults.add({ ...fault, effect: { kind: 'status', code: 403 } });
    await t.throwsAsync(dispatcher.create(spec), { code: 'internal' });
    simulator.faults.remove(id);
  };
  await dieAt(creating);
  const first = (await jobs.read<WireSecret>('secrets', name))!;
  t.is(first.metadata?.ownerReferences, undefined);
  t.is(await dispatcher.removeOrphans(), 0);
  // The patch that makes the Job the owner is the second one: the first renews the token.
  simulator.faults.add({ verbs: ['patch'], resources: ['secrets'], effect: { kind: 'reset', when: 'after' }, count: 1 });
  await dispatcher.create(spec);
  const job = (await jobs.read<WireJob>('jobs', name))!;
  const secret = (await jobs.read<WireSecret>('secrets', name))!;
  t.is(secret.metadata?.ownerReferences?.[0]?.uid, job.metadata?.uid);
  t.is(secret.metadata?.uid, first.metadata?.uid);
  t.deepEqual(await jobs.list('jobs').then((all) => all.length), 1);
});

test('a Secret that was taken for an orphan is made anew before its Job needs it', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const dispatcher = jobs.dispatcher('exit 0', { RUNNER_TOKEN_KEY: 'k'.repeat(32) });
  const spec = aJobSpec();
  const name = jobNameOf(spec.scanId, 1);
  simulator.faults.add({ ...creating, effect: { kind: 'slow', delayMs: 500 }, count: 1 });
  const creation = dispatcher.create(spec);
  await eventually(async () => (await jobs.read('secrets', name)) !== null);
  await jobs.send('DELETE', 'secrets', name);
  await creation;
  const job = (await jobs.read<WireJob>('jobs', name))!;
  t.is((await jobs.read<WireSecret>('secrets', name))?.metadata?.ownerReferences?.[0]?.uid, job.metadata?.uid);
});

// Alone, since it keeps this process busy.
test.serial('many Jobs are listed and found in pages, each once, with few requests', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const dispatcher = jobs.dispatcher('exit 0', { KUBE_REQUEST_TIMEOUT_SECONDS: '120' });
  const specs = Array.from({ length: 1200 }, () => aJobSpec());
  const names: string[] = [];
  for (let at = 0; at < specs.length; at += 50) {
    const made = await Promise.all(specs.slice(at, at + 50).map((spec) => dispatcher.create(spec)));
    names.push(...made.map(({ jobName }) => jobName));
  }
  t.deepEqual(
    (await listed(dispatcher)).map(({ jobName }) => jobName),
    names.toSorted(),
  );
  t.is(simulator.requests.get('list jobs'), 3);
  t.is((await dispatcher.find(names)).size, 1200);
  t.is((await dispatcher.find(names.slice(0, 250))).size, 250);
  t.is(simulator.requests.get('list jobs'), 3 + 3 + 3);
  t.is(simulator.requests.get('get jobs'), undefined);
});

test('what ends a pod from outside is its own reason', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const kubelet = await startKubelet(t, simulator.access);
  const dispatcher = jobs.dispatcher('sleep 600');
  const running = async (): Promise<{ jobName: string; podName: string }> => {
    const { jobName } = await dispatcher.create(aJobSpec());
    await reaches(dispatcher, jobName, 'running');
    const [pod] = await jobs.list<WireJob>('pods', `batch.kubernetes.io/job-name=${jobName}`);
    return { jobName, podName: pod!.metadata!.name! };
  };
  const evicted = await running();
  kubelet.evict('cloudscan', evicted.podName);
  t.like(await reaches(dispatcher, evicted.jobName, 'failed'), { reason: 'evicted', evidence: { condition: 'Evicted' } });
  const watch = await dispatcher.watch(() => undefined);
  t.teardown(() => watch.stop());
  const preempted = await running();
  simulator.preemptPod('cloudscan', preempted.podName);
  t.like(await reaches(dispatcher, preempted.jobName, 'failed'), { reason: 'preempted' });
  const drained = await running();
  simulator.drainNode('node-1');
  t.like(await reaches(dispatcher, drained.jobName, 'failed'), { reason: 'evicted' });
});

test('a run whose node is lost is lost, and there is no log of it', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const kubelet = await startKubelet(t, simulator.access);
  const tolerations = [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }];
  const env = { RUNNER_COMMAND: '["sleep","600"]', RUNNER_TOLERATIONS: JSON.stringify(tolerations) };
  let aheadMs = 0;
  const clock = { now: () => new Date(Date.now() + aheadMs) };
  const dispatcher = jobs.platform(env, undefined, clock).jobs;
  const { jobName } = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, jobName, 'running');
  await kubelet.loseNode('node-1');
  simulator.loseNode('node-1');
  await eventually(async () => (await jobs.list<WireJob>('pods'))[0]?.metadata?.deletionTimestamp !== undefined, { what: 'its eviction' });
  t.is((await statusOf(dispatcher, jobName))?.phase, 'running');
  t.is(await dispatcher.logs(jobName, 100), '');
  aheadMs = 120_000;
  t.like(await statusOf(dispatcher, jobName), { phase: 'failed', reason: 'runner_lost' });
});

test('a watch outlives an API that fails and forgets', async (t) => {
  const { jobs, simulator } = await simulate(t);
  await startKubelet(t, simulator.access);
  const dispatcher = jobs.dispatcher('exit 0');
  const told = new Set<string>();
  const watch = await dispatcher.watch((jobName) => told.add(jobName));
  t.teardown(() => watch.stop());
  simulator.faults.add({ verbs: ['watch'], effect: { kind: 'cut' }, count: 2 });
  simulator.faults.add({ verbs: ['list', 'watch'], effect: { kind: 'status', code: 503 }, probability: 0.5, count: 4 });
  const { jobName } = await dispatcher.create(aJobSpec());
  simulator.compact();
  await eventually(async () => told.has(jobName) && (await listed(dispatcher))[0]?.phase === 'succeeded', { what: 'the news' });
  t.true(watch.silentMs < 60_000);
});
