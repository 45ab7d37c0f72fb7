import { once } from 'node:events';
import { systemScope } from '@cloudscan/auth';
import { jobNameOf } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import { createJobDispatcher } from '@cloudscan/job-dispatch';
import { Sweep } from '@cloudscan/orchestration';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually, ScriptedKubelet, testCluster } from '@cloudscan/testing';
import type { KubernetesSimulator, Teardown, TestCluster } from '@cloudscan/testing';
import test from 'ava';
import { loadConfig } from '../src/config.ts';
import { DispatcherFixture, limits, startProcess } from './fixture.ts';

/** What the dispatcher does against a cluster's API: a simulator, since faults are made on purpose. */
interface Scene {
  readonly fixture: DispatcherFixture;
  readonly cluster: TestCluster;
  readonly simulator: KubernetesSimulator;
  readonly environment: Record<string, string>;
}

async function scene(t: Teardown): Promise<Scene> {
  const [fixture, cluster] = [await DispatcherFixture.create(t), await testCluster(t)];
  if (cluster.simulator === null) throw new Error('these tests make faults, which takes the simulator');
  return { fixture, cluster, simulator: cluster.simulator, environment: fixture.clusterEnvironment(cluster) };
}

async function names({ cluster }: Scene, resource: 'jobs' | 'pods' | 'secrets'): Promise<readonly string[]> {
  const group = resource === 'jobs' ? '/apis/batch/v1' : '/api/v1';
  const { body } = await cluster.client.send(`${group}/namespaces/${cluster.namespace}/${resource}`);
  return (body as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name).toSorted();
}

async function isEmpty(scene: Scene): Promise<boolean> {
  const left = await Promise.all((['jobs', 'pods', 'secrets'] as const).map((resource) => names(scene, resource)));
  return left.flat().length === 0;
}

async function hasJob({ fixture }: Scene, id: string): Promise<boolean> {
  return (await fixture.scan(id)).jobName !== null;
}

/** Messages of a queue that somebody must still handle. */
async function openMessages({ fixture }: Scene, queue: string): Promise<number> {
  const rows = await fixture.database.query<{ open: number }>(
    `SELECT count(*)::integer AS open FROM pgboss.job WHERE name = $1 AND state <= 'active'`,
    [queue],
  );
  return rows[0]!.open;
}

/** Waits until the fault has hit a request. */
async function hit({ simulator }: Scene, fault: string): Promise<void> {
  await eventually(() => simulator.faults.list().some(({ id, hits }) => id === fault && hits > 0), {
    what: 'a request that the fault hits',
  });
}

test.serial('two dispatchers make one Job for each attempt, whatever the API answers to one request in twenty', async (t) => {
  const s = await scene(t);
  const { fixture, cluster, simulator } = s;
  const watching = new AbortController();
  t.teardown(() => watching.abort());
  const made: string[] = [];
  const watch = (async () => {
    const path = `/apis/batch/v1/namespaces/${cluster.namespace}/jobs`;
    for await (const { type, object } of cluster.client.watch<{ metadata: { name: string } }>(path, { signal: watching.signal }))
      if (type === 'ADDED') made.push(object.metadata.name);
  })();
  for (const effect of [
    { kind: 'status', code: 500 },
    { kind: 'status', code: 503, retryAfterSeconds: 1 },
    { kind: 'status', code: 429, retryAfterSeconds: 1 },
    { kind: 'reset', when: 'before' },
    { kind: 'reset', when: 'after' },
  ] as const)
    simulator.faults.add({ effect, verbs: ['create', 'get', 'patch', 'delete'], probability: 0.01 });
  const environment = fixture.clusterEnvironment(cluster, { MAX_RUNNING_SCANS: '100', DISPATCHER_CONCURRENCY: '8' });
  await Promise.all([fixture.dispatcher(t, environment), fixture.dispatcher(t, environment)]);
  const room = { ...limits, maxRunning: 100, maxRunningPerOrganization: 100 };
  const scans: Scan[] = [];
  while (scans.length < 80) scans.push(...(await Promise.all(Array.from({ length: 8 }, () => fixture.queuedScan(room)))));
  await eventually(async () => (await Promise.all(scans.map(({ id }) => hasJob(s, id)))).every(Boolean), {
    timeoutMs: 60_000,
    what: 'a Job for every scan',
  });
  const expected = scans.map(({ id }) => jobNameOf(id, 1)).toSorted();
  t.deepEqual(await names(s, 'jobs'), expected);
  await eventually(() => made.length >= expected.length);
  t.deepEqual(made.toSorted(), expected, 'each was made once');
  t.true(simulator.faults.list().some(({ hits }) => hits > 0));
  watching.abort();
  await watch;
});

test.serial('an API that is away costs no scan its tries', async (t) => {
  const s = await scene(t);
  const { fixture, simulator, environment } = s;
  await fixture.database.query("UPDATE pgboss.queue SET retry_limit = 1 WHERE name = 'dispatch'");
  await fixture.dispatcher(t, environment);
  const outage = simulator.faults.add({ effect: { kind: 'reset', when: 'before' } });
  const scans = await Promise.all(Array.from({ length: 8 }, () => fixture.queuedScan()));
  await eventually(() => simulator.faults.list()[0]!.hits > 40, { timeoutMs: 60_000, what: 'many tries' });
  simulator.faults.remove(outage);
  await eventually(async () => (await Promise.all(scans.map(({ id }) => hasJob(s, id)))).every(Boolean), { timeoutMs: 60_000 });
  for (const { id } of scans) t.like(await fixture.scan(id), { status: 'queued', attempt: 1, failureReason: null });
  t.is(await openMessages(s, 'dispatch-dead-letters'), 0);
});

test.serial(
  'a dispatcher that may make no Jobs does not start, and one that may no longer fails its scans with what the API says',
  async (t) => {
    const s = await scene(t);
    const { fixture, simulator } = s;
    await fixture.database.query("UPDATE pgboss.queue SET retry_limit = 1, retry_delay = 0, retry_backoff = false WHERE name = 'dispatch'");
    const environment = { ...s.environment, JOB_BACKOFF_LIMIT: '0' };
    const forbidden = { effect: { kind: 'status', code: 403 }, verbs: ['create'], resources: ['jobs'] } as const;
    const first = simulator.faults.add(forbidden);
    await t.throwsAsync(fixture.dispatcher(t, environment), { message: /forbids to create jobs .* its Role has to allow it/ });
    simulator.faults.remove(first);
    await fixture.dispatcher(t, environment);
    const second = simulator.faults.add(forbidden);
    const { id } = await fixture.queuedScan();
    await eventually(async () => (await fixture.scan(id)).status === 'failed');
    const { failureReason, failureEvidence } = await fixture.scan(id);
    t.is(failureReason, 'internal');
    t.regex(failureEvidence?.logTail ?? '', /forbids to create jobs/);
    await eventually(async () => (await openMessages(s, 'dispatch-dead-letters')) === 1);
    simulator.faults.remove(second);
    const next = await fixture.queuedScan();
    await eventually(() => hasJob(s, next.id));
  },
);

test.serial('a scan that is cancelled before it has a Job never gets one', async (t) => {
  const s = await scene(t);
  const { fixture, environment } = s;
  const pending = await fixture.pendingScan();
  const waiting = await fixture.queuedScan({ ...limits, maxRunning: 0 });
  const admitted = await fixture.queuedScan();
  for (const { id } of [pending, waiting, admitted]) await fixture.cancel(id);
  await fixture.dispatcher(t, environment);
  const next = await fixture.queuedScan();
  await eventually(() => hasJob(s, next.id));
  await eventually(async () => (await openMessages(s, 'dispatch')) + (await openMessages(s, 'stop-job')) === 0);
  t.deepEqual(await names(s, 'jobs'), [jobNameOf(next.id, 1)]);
  for (const { id } of [pending, waiting, admitted]) t.is((await fixture.scan(id)).status, 'cancelled');
});

test.serial('a running scan that is cancelled loses its pod, its Job and its token', async (t) => {
  const s = await scene(t);
  const { fixture, simulator, environment } = s;
  const kubelet = await ScriptedKubelet.start(simulator.access, () => ({ run: 3_600_000 }));
  t.teardown(() => kubelet[Symbol.asyncDispose]());
  await fixture.dispatcher(t, environment);
  const { id } = await fixture.queuedScan();
  await eventually(async () => (await names(s, 'pods')).length === 1 && (await hasJob(s, id)));
  await fixture.cancel(id);
  await eventually(() => isEmpty(s), { what: 'an empty cluster' });
  t.is((await fixture.scan(id)).status, 'cancelled');
});

/** Where a dispatcher is when the scan is cancelled, as a fault of the API that keeps it there. */
const moments = {
  'before its Job is asked for': { effect: { kind: 'slow', delayMs: 1500 }, verbs: ['create'], resources: ['secrets'], count: 1 },
  'before its Job is there': { effect: { kind: 'slow', delayMs: 1500 }, verbs: ['create'], resources: ['jobs'], count: 1 },
  'before its Job is recorded': { effect: { kind: 'slow', delayMs: 1500 }, verbs: ['patch'], resources: ['secrets'], count: 1 },
} as const;

for (const [moment, fault] of Object.entries(moments)) {
  test.serial(`a scan that is cancelled ${moment} keeps none`, async (t) => {
    const s = await scene(t);
    const { fixture, simulator, environment } = s;
    await fixture.dispatcher(t, environment);
    const id = simulator.faults.add(fault);
    const scan = await fixture.queuedScan();
    await hit(s, id);
    await fixture.cancel(scan.id);
    await eventually(async () => (await openMessages(s, 'dispatch')) + (await openMessages(s, 'stop-job')) === 0);
    await eventually(() => isEmpty(s), { what: 'an empty cluster' });
    t.like(await fixture.scan(scan.id), { status: 'cancelled', jobName: null });
  });

  test(`a dispatcher that is killed ${moment} leaves its scan to another, which makes one Job`, async (t) => {
    const s = await scene(t);
    const { fixture, simulator, environment } = s;
    const first = startProcess(t, environment);
    await eventually(() => simulator.requests.get('create jobs') === 1, { what: 'the rehearsal of the start' });
    const id = simulator.faults.add(fault);
    const scan = await fixture.queuedScan();
    await hit(s, id);
    first.kill('SIGKILL');
    await once(first, 'exit');
    await fixture.dispatcher(t, environment);
    await eventually(() => hasJob(s, scan.id), { timeoutMs: 60_000 });
    t.deepEqual(await names(s, 'jobs'), [jobNameOf(scan.id, 1)]);
    t.is((await fixture.scan(scan.id)).attempt, 1);
  });

  test(`a scan that is cancelled when its dispatcher was killed ${moment} leaves nothing in the cluster`, async (t) => {
    const s = await scene(t);
    const { fixture, simulator, environment } = s;
    const first = startProcess(t, environment);
    await eventually(() => simulator.requests.get('create jobs') === 1, { what: 'the rehearsal of the start' });
    const id = simulator.faults.add(fault);
    const scan = await fixture.queuedScan();
    await hit(s, id);
    first.kill('SIGKILL');
    await once(first, 'exit');
    await fixture.cancel(scan.id);
    await fixture.dispatcher(t, environment);
    await eventually(async () => (await openMessages(s, 'dispatch')) + (await openMessages(s, 'stop-job')) === 0, { timeoutMs: 60_000 });
    await sweepUntilEmpty(t, s);
    t.is((await fixture.scan(scan.id)).status, 'cancelled');
  });
}

/** What a sweeper does for a Job that came to be only after it was stopped. */
async function sweepUntilEmpty(t: Teardown, s: Scene): Promise<void> {
  const { fixture, environment } = s;
  const config = loadConfig(environment);
  const clock = { now: () => new Date() };
  // A token without a Job is left alone for some minutes, since its Job may be on its way.
  const later = { now: () => new Date(Date.now() + 3_600_000) };
  const platform = await createJobDispatcher(config.jobs, {
    ...{ localJobs: fixture.jobs, clock: later, database: fixture.database.config, log: silentLogger, actor: 'test' },
  });
  t.teardown(() => platform.stop());
  const { scans, systemScans } = fixture.repositories;
  const events = { publish: () => undefined, subscribe: () => () => undefined };
  const sweep = new Sweep(
    {
      ...{ scope: systemScope('sweeper'), scans, system: systemScans, jobs: platform.jobs, events, clock, actor: 'sweeper' },
      policy: { limits: config.limits, maxAttempts: config.jobs.maxAttempts },
    },
    { dispatchGraceMs: 0, endGraceMs: 0, deadlineMs: 3_600_000, waitLimitMs: 3_600_000, blockageGraceMs: () => 3_600_000 },
  );
  const { signal } = new AbortController();
  await eventually(
    async () => {
      await sweep.runOnce(signal);
      await platform.jobs.removeOrphans();
      return isEmpty(s);
    },
    { what: 'an empty cluster', intervalMs: 200 },
  );
}

test.serial('a dispatcher that is told to stop gives back what it cannot end, and another makes the Job', async (t) => {
  const s = await scene(t);
  const { fixture, simulator, environment } = s;
  const first = startProcess(t, { ...environment, KUBE_REQUEST_TIMEOUT_SECONDS: '60' });
  await eventually(() => simulator.requests.get('create jobs') === 1, { what: 'the rehearsal of the start' });
  const id = simulator.faults.add({ effect: { kind: 'hang' }, verbs: ['create'], resources: ['jobs'], count: 1 });
  const scan = await fixture.queuedScan();
  await hit(s, id);
  first.kill('SIGTERM');
  const [exitCode] = (await once(first, 'exit')) as [number];
  t.is(exitCode, 0);
  const messages = await fixture.database.query<{ state: string }>(
    "SELECT state::text FROM pgboss.job WHERE name = 'dispatch' AND state <= 'active'",
  );
  t.deepEqual(messages, [{ state: 'created' }], 'given back, not left to its heartbeat');
  await fixture.dispatcher(t, environment);
  await eventually(() => hasJob(s, scan.id));
  t.deepEqual(await names(s, 'jobs'), [jobNameOf(scan.id, 1)]);
});
