import test from 'ava';
import type { ContainerState, Pod } from './kubernetes-types.ts';
import { neverStarted, podStatus, timestamp } from './pod-status.ts';
import type { PodTermination } from './pod-status.ts';

const now = new Date('2026-01-15T12:00:30.250Z');
const startTime = new Date('2026-01-15T12:00:00Z');
const startedAt = timestamp(startTime);

const running: ContainerState = { running: { startedAt } };
const waiting: ContainerState = { waiting: { reason: 'ImagePullBackOff' } };
const ended = (exitCode: number): ContainerState => ({
  terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt: timestamp(now) },
});

function aPod(status?: Pod['status']): Pod {
  return {
    metadata: { name: 'pod', namespace: 'default', uid: 'uid', resourceVersion: '1' },
    spec: { nodeName: 'node', restartPolicy: 'Never', containers: ['a', 'b'].map((name) => ({ name, image: 'image' })) },
    ...(status !== undefined && { status }),
  };
}

function statusOf(a: ContainerState | null, b: ContainerState | null, termination: PodTermination | null = null, pod = aPod()) {
  const states = new Map(Object.entries({ a, b }).filter((entry): entry is [string, ContainerState] => entry[1] !== null));
  return podStatus(pod, { startTime, states, termination }, now);
}

for (const [what, a, b, phase] of [
  ['before any container was tried', null, null, 'Pending'],
  ['while one container waits and another runs', running, waiting, 'Pending'],
  ['while all run', running, running, 'Running'],
  ['while one still runs', ended(1), running, 'Running'],
  ['when all ended well', ended(0), ended(0), 'Succeeded'],
  ['when one failed', ended(0), ended(2), 'Failed'],
  ['when one never started', ended(0), neverStarted, 'Failed'],
] as const) {
  test(`is ${phase} ${what}`, (t) => {
    t.is(statusOf(a, b).phase, phase);
  });
}

for (const [what, sidecar, container, phase] of [
  ['while a sidecar runs and its containers wait', running, null, 'Pending'],
  ['while a sidecar waits to be started again', waiting, running, 'Running'],
  ['while a sidecar still runs', running, ended(0), 'Running'],
  ['however its sidecar ended', ended(137), ended(0), 'Succeeded'],
  ['when its container failed, however well its sidecar ended', ended(0), ended(2), 'Failed'],
] as const) {
  test(`a pod with a sidecar is ${phase} ${what}`, (t) => {
    const pod = aPod();
    const [a, b] = pod.spec.containers;
    const spec = { ...pod.spec, initContainers: [{ ...a!, restartPolicy: 'Always' }], containers: [b!] };
    const status = statusOf(sidecar, container, null, { ...pod, spec });
    t.is(status.phase, phase);
    t.deepEqual(
      status.initContainerStatuses?.map(({ name }) => name),
      ['a'],
    );
  });
}

const eviction: PodTermination = { reason: 'Evicted', message: 'low on memory', isDisruption: true };

test('says why the node ends it only once nothing runs any more', (t) => {
  const ending = statusOf(ended(0), running, eviction);
  t.is(ending.phase, 'Running');
  t.is(ending.reason, undefined);
  t.false(ending.conditions!.some(({ type }) => type === 'DisruptionTarget'));
  const gone = statusOf(ended(0), ended(0), eviction);
  t.is(gone.phase, 'Failed', 'although all containers ended well');
  t.is(gone.reason, 'Evicted');
  t.is(gone.conditions!.find(({ type }) => type === 'DisruptionTarget')?.reason, 'TerminationByKubelet');
});

test('is no victim when it outran its own deadline', (t) => {
  const status = statusOf(ended(143), ended(143), { reason: 'DeadlineExceeded', message: '', isDisruption: false });
  t.is(status.reason, 'DeadlineExceeded');
  t.false(status.conditions!.some(({ type }) => type === 'DisruptionTarget'));
});

test('names the containers that are not ready, and takes that back when they are', (t) => {
  const ready = (status: ReturnType<typeof statusOf>) => status.conditions!.find(({ type }) => type === 'Ready')!;
  t.like(ready(statusOf(running, waiting)), { status: 'False', message: 'containers with unready status: [b]' });
  t.like(ready(statusOf(running, running)), { status: 'True', reason: null, message: null });
});

test('keeps the time of a condition whose status stays', (t) => {
  const before = statusOf(null, null);
  const later = podStatus(
    aPod(before),
    { startTime, states: new Map([['a', running]]), termination: null },
    new Date('2026-01-15T12:05:00Z'),
  );
  const time = (status: typeof before, type: string) => status.conditions!.find((condition) => condition.type === type)!.lastTransitionTime;
  t.is(time(later, 'Ready'), time(before, 'Ready'));
  t.is(time(later, 'PodReadyToStartContainers'), '2026-01-15T12:05:00Z');
});

test('gives an id to a container that ran and none to one that never did', (t) => {
  const [a, b] = statusOf(ended(0), neverStarted).containerStatuses!;
  t.truthy(a!.containerID);
  t.is(a!.state.terminated!.containerID, a!.containerID);
  t.is(b!.containerID, undefined);
});

test('writes times in whole seconds', (t) => {
  t.is(timestamp(now), '2026-01-15T12:00:30Z');
});
