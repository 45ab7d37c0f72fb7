import test from 'ava';
import { jobNameOf } from '@cloudscan/domain';
import type { FailureEvidence, FailureReason, Scan } from '@cloudscan/domain';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually } from '@cloudscan/testing';
import type { PodScript } from '@cloudscan/testing';
import { loadConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';
import { ClusterFixture, nodes } from './cluster-fixture.ts';
import { limits, memoryStorage, signal } from './fixture.ts';

const slowly = { timeoutMs: 20_000 };
const second = 1000;
const minute = 60 * second;

async function phaseOf(fixture: ClusterFixture, scan: Scan): Promise<string | undefined> {
  const jobName = jobNameOf(scan.id, scan.attempt);
  return (await (await fixture.dispatcher()).find([jobName])).get(jobName)?.phase;
}

interface Failure {
  readonly what: string;
  readonly script?: PodScript;
  readonly environment?: Readonly<Record<string, string>>;
  /** What happens once its pod runs. */
  readonly disturb?: (fixture: ClusterFixture, podName: string) => unknown;
  /** How much later a pass looks. */
  readonly afterMs?: number;
  readonly reason: FailureReason;
  readonly evidence: FailureEvidence;
}

const failures: readonly Failure[] = [
  {
    what: 'fails by itself',
    script: { end: { exitCode: 3 }, log: 'no such rule\n' },
    reason: 'tool_error',
    evidence: { exitCode: 3, logTail: 'no such rule\n' },
  },
  {
    what: 'has no memory',
    script: { end: { exitCode: 137, reason: 'OOMKilled' } },
    reason: 'oom_killed',
    evidence: { exitCode: 137, condition: 'OOMKilled' },
  },
  { what: 'ends well without a report', script: {}, afterMs: 3 * second, reason: 'internal', evidence: { exitCode: 0 } },
  {
    ...{ what: 'has no image', script: { refusal: { reason: 'ErrImagePull', message: 'runner:1 not found' } }, afterMs: 2 * minute },
    ...{
      reason: 'image_pull',
      evidence: { condition: 'ImagePullBackOff', message: 'Back-off pulling image "runner:1": ErrImagePull: runner:1 not found' },
    },
  },
  {
    ...{
      what: 'has a wrong configuration',
      script: { refusal: { reason: 'CreateContainerConfigError', message: 'secret "x" not found' } },
    },
    ...{ afterMs: minute, reason: 'internal', evidence: { condition: 'CreateContainerConfigError', message: 'secret "x" not found' } },
  },
  {
    ...{ what: 'fits on no node', environment: { RUNNER_REQUESTS_CPU: '100000' }, afterMs: 5 * minute },
    ...{ reason: 'unschedulable', evidence: { condition: 'Unschedulable' } },
  },
  {
    ...{ what: 'takes too long', disturb: (fixture) => fixture.advance(61 * minute), afterMs: second },
    ...{ reason: 'deadline_exceeded', evidence: { condition: 'DeadlineExceeded' } },
  },
  {
    ...{
      what: 'is on a node that is drained',
      disturb: ({ simulator }) => nodes.forEach((node) => simulator.drainNode(node)),
    },
    ...{ reason: 'evicted', evidence: { condition: 'EvictionByEvictionAPI' } },
  },
  {
    ...{ what: 'gives way to another pod', disturb: ({ simulator }, podName) => simulator.preemptPod('cloudscan', podName) },
    ...{ reason: 'preempted', evidence: { condition: 'PreemptionByScheduler' } },
  },
  {
    ...{
      what: 'is on a node that is lost',
      afterMs: 10 * minute,
      reason: 'runner_lost',
      evidence: { condition: 'DeletionByTaintManager' },
    },
    environment: { RUNNER_TOLERATIONS: '[]' },
    disturb: (fixture) => fixture.loseNodes(),
  },
];

for (const { what, script, environment = {}, disturb, afterMs = 0, reason, evidence } of failures) {
  test(`a runner that ${what} fails its scan with ${reason} and what the cluster says of it`, async (t) => {
    const fixture = await ClusterFixture.create(t);
    const sweeper = await fixture.sweeper();
    const scan = await fixture.dispatched(script, environment);
    if (disturb !== undefined) {
      await eventually(async () => (await phaseOf(fixture, scan)) === 'running', slowly);
      await disturb(fixture, await podOf(fixture, scan));
    }
    await eventually(
      async () => {
        if ((await fixture.base.find(scan.id)).status === 'failed') return true;
        if (afterMs > 0) {
          await sweeper.sweepOnce(signal);
          await fixture.advance(afterMs / 8);
        }
        return false;
      },
      { ...slowly, intervalMs: 200, what: 'the failure' },
    );
    const failed = await fixture.comesTo(scan, 'failed');
    t.is(failed.failureReason, reason, JSON.stringify(failed.failureEvidence));
    t.like({ evidence: failed.failureEvidence }, { evidence });
    if (evidence.condition !== undefined) t.true(failed.errorMessage.includes(evidence.condition), failed.errorMessage);
  });
}

test('a failure of the infrastructure is tried again, and its Job is left for people to look at', async (t) => {
  const fixture = await ClusterFixture.create(t);
  const sweeper = await fixture.sweeper(2);
  const scan = await fixture.dispatched({ end: { exitCode: 5 } });
  const again = await fixture.comesTo(scan, 'queued', 2);
  const path = `/apis/batch/v1/namespaces/cloudscan/jobs/${jobNameOf(scan.id, 1)}`;
  await eventually(async () => {
    const { body } = await fixture.client.send(path);
    const { metadata, spec } = body as { metadata: { labels: Record<string, string> }; spec: { ttlSecondsAfterFinished?: number } };
    return metadata.labels['cloudscan.io/recorded'] === 'true' && spec.ttlSecondsAfterFinished === 3600;
  }, slowly);
  await eventually(async () => (await sweeper.sweepOnce(signal))?.jobs === 0, slowly);
  await fixture.dispatch(again);
  t.is((await fixture.comesTo(scan, 'failed', 2)).failureReason, 'runner_lost');
});

test('the Job of a cancelled scan that came late goes, and its pod with it', async (t) => {
  const fixture = await ClusterFixture.create(t);
  await fixture.sweeper();
  const scan = await fixture.base.scan();
  const { scans } = fixture.base.repositories;
  await scans.cancel(fixture.base.scope, { scanId: scan.id, actor: 'user', limits, at: new Date() });
  await fixture.dispatch(scan);
  await eventually(async () => (await phaseOf(fixture, scan)) === undefined, { ...slowly, what: 'the removal' });
  t.is((await fixture.base.find(scan.id)).status, 'cancelled');
});

test('a healthy pod lives through a picture that stands still, and is not lost, doubled or stopped', async (t) => {
  const fixture = await ClusterFixture.create(t);
  const sweeper = await fixture.sweeper();
  fixture.simulator.faults.add({ effect: { kind: 'freeze' }, verbs: ['watch'], resources: ['jobs'] });
  const scan = await fixture.dispatched();
  await eventually(async () => (await phaseOf(fixture, scan)) === 'running', slowly);
  await fixture.report(scan);
  t.is((await sweeper.sweepOnce(signal))?.jobs, 0, 'the Job is not in the picture');
  for (let passes = 0; passes < 4; passes += 1) {
    await sweeper.sweepOnce(signal);
    await fixture.advance(20 * second);
  }
  t.like(await fixture.base.find(scan.id), { status: 'running', attempt: 1 });
  t.is(await phaseOf(fixture, scan), 'running');
  t.deepEqual(
    [...fixture.simulator.requests.keys()].filter((request) => /^(?:delete|patch|update) jobs$/.test(request)),
    [],
  );
});

test('while the platform is away nothing ends, and what ended meanwhile is recorded when it is back', async (t) => {
  const fixture = await ClusterFixture.create(t);
  const sweeper = await fixture.sweeper();
  const [healthy, failing] = [await fixture.dispatched(), await fixture.dispatched({ run: 3 * second, end: { exitCode: 3 } })];
  await eventually(async () => (await phaseOf(fixture, failing)) === 'running', slowly);
  for (const scan of [healthy, failing]) await fixture.report(scan);
  const down = fixture.simulator.faults.add({ effect: { kind: 'status', code: 503 }, verbs: ['get', 'list', 'patch', 'delete'] });
  const cut = fixture.simulator.faults.add({ effect: { kind: 'cut' }, verbs: ['watch'] });
  await fixture.advance(40 * second);
  await sweeper.sweepOnce(signal).catch(() => undefined);
  for (const scan of [healthy, failing]) t.is((await fixture.base.find(scan.id)).status, 'running');
  fixture.simulator.faults.remove(cut);
  fixture.simulator.faults.remove(down);
  t.is((await fixture.comesTo(failing, 'failed')).failureReason, 'tool_error');
  t.like(await fixture.base.find(healthy.id), { status: 'running', attempt: 1 });
});

test('a Job that is deleted behind the back of everybody is lost after its grace', async (t) => {
  const fixture = await ClusterFixture.create(t);
  const sweeper = await fixture.sweeper(2);
  const scan = await fixture.dispatched();
  await eventually(async () => (await phaseOf(fixture, scan)) === 'running', slowly);
  await fixture.report(scan);
  await fixture.client.send(`/apis/batch/v1/namespaces/cloudscan/jobs/${jobNameOf(scan.id, 1)}`, { method: 'DELETE' });
  await eventually(
    async () => {
      await sweeper.sweepOnce(signal);
      await fixture.advance(5 * second);
      return (await fixture.base.find(scan.id)).attempt === 2;
    },
    { ...slowly, intervalMs: 200 },
  );
  const events = await fixture.base.repositories.scans.events(fixture.base.scope, scan.id, 0, 100);
  t.is(events.at(-1)?.failureReason, 'runner_lost');
});

test('what ended while nobody led is found by the next leader; who stands by asks the platform nothing', async (t) => {
  const fixture = await ClusterFixture.create(t);
  const first = await fixture.sweeper();
  const scan = await fixture.dispatched({ run: 10 * second, end: { exitCode: 3 } });
  await first.stop();
  await eventually(async () => (await phaseOf(fixture, scan)) === 'failed', slowly);
  const jobRequests = () => [...fixture.simulator.requests].filter(([request]) => request.endsWith(' jobs'));
  const before = jobRequests();
  const next = await fixture.standby();
  t.false(await next.lead());
  t.is(await next.sweepOnce(signal), null);
  t.deepEqual(jobRequests(), before);
  t.is((await fixture.base.find(scan.id)).status, 'queued');
  await fixture.releaseLease();
  t.true(await next.lead());
  await eventually(() => next.sweepOnce(signal));
  await fixture.comesTo(scan, 'failed');
});

test('a scan that goes well costs the API server no list: what the watch shows is enough', async (t) => {
  const fixture = await ClusterFixture.create(t);
  await fixture.sweeper();
  const { requests } = fixture.simulator;
  const lists = () => ['list jobs', 'get jobs'].map((request) => requests.get(request) ?? 0);
  const before = lists();
  const scan = await fixture.dispatched({ run: 2 * second });
  await fixture.report(scan);
  await fixture.base.complete(scan.id);
  await eventually(() => requests.get('patch jobs') === 1, { ...slowly, what: 'the retirement' });
  t.deepEqual(lists(), before);
  t.is((await fixture.base.find(scan.id)).status, 'completed');
});

test('the process, as it is configured, follows the cluster and tells of it', async (t) => {
  const fixture = await ClusterFixture.create(t);
  const app = await createApp(loadConfig(fixture.environment()), { storage: memoryStorage().storage, log: silentLogger });
  t.teardown(() => app.stop());
  await app.start();
  const scan = await fixture.dispatched({ run: 2 * second, end: { exitCode: 3 } });
  t.is((await fixture.comesTo(scan, 'failed')).failureReason, 'tool_error');
  const metrics = await (await fetch(`http://127.0.0.1:${app.opsPort}/metrics`)).text();
  for (const sample of [
    /^cloudscan_sweeper_leader\{.*\} 1$/m,
    /^cloudscan_k8s_jobs_active\{.*\} \d+$/m,
    /^cloudscan_sweep_lag_seconds_count\{.*\} [1-9]/m,
    /^cloudscan_job_watch_silence_seconds\{.*\} \d/m,
    /^cloudscan_sweep_actions_total\{action="ended".*\} 1$/m,
  ])
    t.regex(metrics, sample);
  const ready = await fetch(`http://127.0.0.1:${app.opsPort}/ready`);
  t.is(ready.status, 200);
  t.like(await ready.json(), { dependencies: { jobs: { required: false, state: 'up' } } });
});

async function podOf(fixture: ClusterFixture, scan: Scan): Promise<string> {
  const { body } = await fixture.client.send(`/api/v1/namespaces/cloudscan/pods?labelSelector=cloudscan.io/scan-id=${scan.id}`);
  return (body as { items: readonly { metadata: { name: string } }[] }).items[0]!.metadata.name;
}
