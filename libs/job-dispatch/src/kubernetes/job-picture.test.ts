import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually } from '@cloudscan/testing';
import { aCondition, aJob, aPod, ended, failedJob, running, waitingFor } from '../../tests/kubernetes-objects.ts';
import { aList, ScriptedApi } from '../../tests/scripted-api.ts';
import type { ApiRequest } from './client.ts';
import { JobPicture } from './job-picture.ts';
import type { PictureTiming } from './job-picture.ts';

const now = new Date('2026-01-15T12:10:00Z');
const timing: Partial<PictureTiming> = { pauseMs: 1, longestPauseMs: 5, silenceMs: 60_000 };
const [first, second] = ['scan-01890000-0000-7000-8000-000000000001-1', 'scan-01890000-0000-7000-8000-000000000002-1'];

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** Jobs and pods of one API, each scripted by itself. */
class ScriptedCluster {
  readonly jobs = new ScriptedApi();
  readonly pods = new ScriptedApi();

  stream(request: ApiRequest): Promise<AsyncIterable<Buffer>> {
    return (request.path === '/api/v1/namespaces/cloudscan/pods' ? this.pods : this.jobs).stream(request);
  }
}

async function watched(t: ExecutionContext, cluster = new ScriptedCluster(), changedTiming: Partial<PictureTiming> = {}) {
  const told: string[] = [];
  const picture = new JobPicture(cluster, {
    ...{ namespace: 'cloudscan', clock: { now: () => now }, onError: () => undefined },
    onChange: (jobName) => void told.push(jobName),
    timing: { ...timing, ...changedTiming },
  });
  t.teardown(() => picture.stop());
  await picture.start();
  const [jobs, pods] = await Promise.all([cluster.jobs.watch(), cluster.pods.watch()]);
  const statuses = () => Object.fromEntries([...picture.list()].map(({ jobName, phase, reason }) => [jobName, reason ?? phase]));
  let version = 2000;
  const next = (): string => String((version += 1));
  const tellJob = (type: EventType, options: Parameters<typeof aJob>[0]) => jobs.tell(type, aJob({ ...options, version: next() }));
  const tellPod = (type: EventType, options: Parameters<typeof aPod>[0]) => pods.tell(type, aPod({ ...options, version: next() }));
  /** What was told since, once a Job of which a pod is told last has passed through both watches. */
  const settled = async (): Promise<readonly string[]> => {
    const name = `scan-mark-${next()}`;
    const times = (count: number) => eventually(() => told.filter((jobName) => jobName === name).length === count);
    tellJob('ADDED', { name });
    await times(1);
    tellPod('ADDED', { jobName: name });
    await times(2);
    tellJob('DELETED', { name });
    await times(3);
    return told.splice(0).filter((jobName) => jobName !== name);
  };
  return { cluster, picture, jobs, pods, tellJob, tellPod, told, statuses, settled };
}

test('is complete when it has started, and tells only of what changes later', async (t) => {
  const cluster = new ScriptedCluster();
  cluster.jobs.onList = () => aList('100', [aJob({ name: first }), aJob({ name: second })]);
  cluster.pods.onList = () => aList('100', [aPod({ jobName: first }), aPod({ jobName: second, status: { phase: 'Pending' } })]);
  const { statuses, settled, tellPod } = await watched(t, cluster);
  t.deepEqual(statuses(), { [first]: 'running', [second]: 'pending' });
  t.deepEqual(await settled(), []);
  tellPod('MODIFIED', { jobName: first, status: ended(3) });
  t.deepEqual(await settled(), [first]);
  t.deepEqual(statuses(), { [first]: 'tool_error', [second]: 'pending' });
});

test('lists and watches Jobs whose end is not recorded, and all pods', async (t) => {
  const { cluster } = await watched(t);
  t.is(cluster.jobs.lists[0]?.['labelSelector'], 'app.kubernetes.io/managed-by=cloudscan,cloudscan.io/recorded!=true');
  t.is(cluster.pods.lists[0]?.['labelSelector'], 'app.kubernetes.io/managed-by=cloudscan');
});

test('tells once of what changes at once, and not of what changes nothing', async (t) => {
  const { settled, statuses, tellJob, tellPod } = await watched(t);
  tellJob('ADDED', { name: first });
  t.deepEqual(await settled(), [first]);
  for (const status of [{ phase: 'Pending' }, waitingFor('ContainerCreating'), running]) tellPod('MODIFIED', { jobName: first, status });
  t.deepEqual(await settled(), [first]);
  tellPod('MODIFIED', { jobName: first, status: { ...running, conditions: [aCondition('Ready')] } });
  tellJob('MODIFIED', { name: first });
  t.deepEqual(await settled(), []);
  tellPod('MODIFIED', { jobName: first, status: ended(137, 'OOMKilled') });
  tellJob('MODIFIED', { name: first, status: failedJob });
  t.deepEqual(await settled(), [first]);
  t.deepEqual(statuses(), { [first]: 'oom_killed' });
});

test('tells when a pod is blocked, and when by something else', async (t) => {
  const { settled, picture, tellJob, tellPod } = await watched(t);
  tellJob('ADDED', { name: first });
  tellPod('ADDED', { jobName: first, status: waitingFor('ContainerCreating') });
  await settled();
  for (const condition of ['ErrImagePull', 'ImagePullBackOff']) {
    tellPod('MODIFIED', { jobName: first, status: waitingFor(condition) });
    t.deepEqual(await settled(), [first]);
    t.like([...picture.list()][0]?.blockage, { reason: 'image_pull', condition });
  }
});

test('a pod may come before its Job', async (t) => {
  const { settled, statuses, tellJob, tellPod } = await watched(t);
  tellPod('ADDED', { jobName: first, status: ended(5) });
  t.deepEqual(await settled(), []);
  t.deepEqual(statuses(), {});
  tellJob('ADDED', { name: first });
  t.deepEqual(await settled(), [first]);
  t.deepEqual(statuses(), { [first]: 'runner_lost' });
});

test('a pod whose Job does not come is dropped once the watch of Jobs must have told of it', async (t) => {
  const { settled, tellPod, picture } = await watched(t, new ScriptedCluster(), { lagMs: 100 });
  tellPod('ADDED', { jobName: first });
  await settled();
  t.is(picture.podsOf(first).length, 1);
  await eventually(async () => {
    await settled();
    return picture.podsOf(first).length === 0;
  });
  tellPod('MODIFIED', { jobName: first });
  await settled();
  t.is(picture.podsOf(first).length, 1, 'perhaps its Job comes now');
});

test('a pod that is gone leaves what it said in the end', async (t) => {
  const { settled, statuses, picture, tellJob, tellPod } = await watched(t);
  tellJob('ADDED', { name: first });
  tellPod('ADDED', { jobName: first });
  const drained = { ...ended(143), conditions: [aCondition('DisruptionTarget', 'EvictionByEvictionAPI')] };
  tellPod('DELETED', { jobName: first, status: drained, deletedAt: '2026-01-15T12:10:00Z' });
  tellJob('MODIFIED', { name: first, status: failedJob });
  t.deepEqual(await settled(), [first]);
  t.deepEqual(statuses(), { [first]: 'evicted' });
  t.like(picture.podsOf(first), [{ isGone: true, exit: { exitCode: 143 } }]);
});

test('a Job that is recorded leaves with its pod, which stays in the cluster', async (t) => {
  const { settled, statuses, picture, tellJob, tellPod } = await watched(t);
  tellJob('ADDED', { name: first });
  tellPod('ADDED', { jobName: first, status: ended(0) });
  await settled();
  tellJob('DELETED', { name: first, labels: { 'cloudscan.io/recorded': 'true' } });
  t.deepEqual(await settled(), [first]);
  t.deepEqual(statuses(), {});
  t.deepEqual(picture.podsOf(first), []);
  tellPod('DELETED', { jobName: first, status: ended(0) });
  t.deepEqual(await settled(), []);
  t.deepEqual(picture.podsOf(first), []);
});

test('tells that a Job went also when its pod changes at the same time', async (t) => {
  const { settled, tellJob, tellPod } = await watched(t);
  tellJob('ADDED', { name: first });
  t.deepEqual(await settled(), [first]);
  tellJob('DELETED', { name: first });
  tellPod('MODIFIED', { jobName: first });
  t.deepEqual(await settled(), [first]);
});

test('tells of what went while the watch was away', async (t) => {
  const cluster = new ScriptedCluster();
  cluster.jobs.onList = () => aList('100', [aJob({ name: first })]);
  const { jobs, told, statuses } = await watched(t, cluster);
  cluster.jobs.onList = () => aList('200', [aJob({ name: second })]);
  jobs.fail(410);
  await eventually(() => told.length === 2);
  t.deepEqual(told.toSorted(), [first, second]);
  t.deepEqual(statuses(), { [second]: 'pending' });
});

test('tells for how long the quieter of both watches is silent', async (t) => {
  const { picture, pods, jobs } = await watched(t);
  await eventually(() => picture.silentMs > 500);
  jobs.bookmark('101');
  await new Promise(setImmediate);
  t.true(picture.silentMs > 500);
  pods.bookmark('102');
  await eventually(() => picture.silentMs < 500);
  t.pass();
});

test('stops while the API is away, and tells nothing afterwards', async (t) => {
  const cluster = new ScriptedCluster();
  cluster.jobs.onList = () => new Promise(() => undefined);
  const picture = new JobPicture(cluster, {
    ...{ namespace: 'cloudscan', clock: { now: () => now }, timing },
    ...{ onChange: () => t.fail(), onError: () => undefined },
  });
  const started = picture.start();
  await picture.stop();
  await t.throwsAsync(started, { name: 'AbortError' });

  const { picture: stopped, told, tellJob } = await watched(t);
  tellJob('ADDED', { name: first });
  await stopped.stop();
  t.deepEqual(told, []);
});
