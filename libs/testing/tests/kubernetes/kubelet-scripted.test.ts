import type { ExecutionContext } from 'ava';
import test from 'ava';
import { FakeClock, realClock } from '../../src/clock.ts';
import type { TimerClock } from '../../src/clock.ts';
import { eventually } from '../../src/eventually.ts';
import { uniqueName } from '../../src/factories.ts';
import type { Pod } from '../../src/kubernetes/kubelet/kubernetes-types.ts';
import { ScriptedKubelet } from '../../src/kubernetes/kubelet/scripted-kubelet.ts';
import type { PodScript } from '../../src/kubernetes/kubelet/scripted-kubelet.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { conditionOf, Pods, stateOf } from './pods.ts';

const file = testFile(test);
let cluster: TestCluster;
let pods: Pods;

test.before(async () => {
  cluster = await testCluster(file);
  pods = new Pods(cluster);
});

async function aKubelet(t: ExecutionContext, script: PodScript | ((pod: Pod) => PodScript), nodes = 1, clock: TimerClock = realClock) {
  const names = Array.from({ length: nodes }, () => uniqueName('node'));
  const kubelet = await ScriptedKubelet.start(cluster, typeof script === 'function' ? script : () => script, {
    nodes: names,
    clock,
    onError: (error) => t.fail(error.message),
  });
  t.teardown(() => kubelet.stop());
  return { kubelet, node: names[0]!, nodes: names };
}

test('registers a Node that is ready, and a Lease that it renews', async (t) => {
  const { kubelet, node } = await aKubelet(t, {});
  const { body } = await cluster.client.send(`/api/v1/nodes/${node}`);
  const { status } = body as { status: { conditions: { type: string; status: string }[]; daemonEndpoints: unknown; addresses: unknown } };
  t.is(status.conditions.find(({ type }) => type === 'Ready')?.status, 'True');
  t.deepEqual(status.daemonEndpoints, { kubeletEndpoint: { Port: kubelet.port } });
  t.deepEqual(status.addresses, [{ type: 'InternalIP', address: '127.0.0.1' }]);
  const lease = await cluster.client.send(`/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}`);
  t.is((lease.body as { spec: { holderIdentity: string } }).spec.holderIdentity, node);
});

test('takes its Nodes and Leases out of the cluster when it stops', async (t) => {
  const { kubelet, node } = await aKubelet(t, {});
  await kubelet.stop();
  t.is((await cluster.client.send(`/api/v1/nodes/${node}`)).status, 404);
  t.is((await cluster.client.send(`/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}`)).status, 404);
});

test('takes a pod from waiting over running to its end', async (t) => {
  const clock = new FakeClock(new Date());
  const { node } = await aKubelet(t, { startAfterMs: 1000, run: 1000 }, 1, clock);
  const name = await pods.create(node, uniqueName('pod'));
  const seen: string[] = [];
  const stop = new AbortController();
  for await (const pod of pods.history(name, stop.signal)) {
    if (pod?.status?.containerStatuses === undefined) continue;
    seen.push(`${pod.status.phase} ${stateOf(pod)} ${conditionOf(pod, 'Ready')}`);
    if (pod.status.phase === 'Succeeded') stop.abort();
    else clock.advance(1000);
  }
  t.deepEqual(seen, [
    'Pending waiting ContainerCreating Ready=False ContainersNotReady',
    'Running running Ready=True',
    'Succeeded terminated Completed 0 Ready=False PodCompleted',
  ]);
});

test('says when a container ran, and that a pod is scheduled and initialized', async (t) => {
  const { node } = await aKubelet(t, { run: 1100 });
  const pod = await pods.inPhase(await pods.create(node, uniqueName('pod')), 'Succeeded');
  const { startedAt, finishedAt } = pod.status!.containerStatuses![0]!.state.terminated!;
  t.true(Date.parse(finishedAt!) > Date.parse(startedAt!));
  t.is(conditionOf(pod, 'PodScheduled'), 'PodScheduled=True');
  t.is(conditionOf(pod, 'Initialized'), 'Initialized=True PodCompleted');
  t.is(conditionOf(pod, 'ContainersReady'), 'ContainersReady=False PodCompleted');
});

for (const [what, script, state] of [
  ['a program that fails', { end: { exitCode: 3 } }, 'terminated Error 3'],
  ['a container that takes too much memory', { end: { exitCode: 137, reason: 'OOMKilled' } }, 'terminated OOMKilled 137'],
  ['a program that is not there', { refusal: { reason: 'StartError', message: 'no such file' } }, 'terminated StartError 128'],
] as const) {
  test(`fails a pod for ${what}`, async (t) => {
    const { node } = await aKubelet(t, script);
    const pod = await pods.inPhase(await pods.create(node, uniqueName('pod')), 'Failed');
    t.is(stateOf(pod), state);
    t.is(conditionOf(pod, 'Ready'), 'Ready=False PodFailed');
    t.is(pod.status!.reason, undefined);
  });
}

for (const reason of ['InvalidImageName', 'CreateContainerConfigError', 'CreateContainerError'] as const) {
  test(`leaves a pod pending for ${reason}`, async (t) => {
    const { node } = await aKubelet(t, { refusal: { reason, message: 'because' } });
    const name = await pods.create(node, uniqueName('pod'));
    const pod = await pods.once(name, reason, (current) => stateOf(current) === `waiting ${reason}`);
    t.is(pod.status!.phase, 'Pending');
    t.is(pod.status!.containerStatuses![0]!.state.waiting!.message, 'because');
  });
}

test('shows a failed pull of an image as such, and then as backing off', async (t) => {
  const { node } = await aKubelet(t, { refusal: { reason: 'ErrImagePull', message: 'not found' } });
  const name = await pods.create(node, uniqueName('pod'), { image: 'registry.example/x:1' });
  await pods.once(name, 'the error', (pod) => stateOf(pod) === 'waiting ErrImagePull');
  const pod = await pods.once(name, 'the pause', (current) => stateOf(current) === 'waiting ImagePullBackOff');
  t.is(pod.status!.phase, 'Pending');
  t.is(pod.status!.containerStatuses![0]!.state.waiting!.message, 'Back-off pulling image "registry.example/x:1": ErrImagePull: not found');
});

test('evicts a pod: it fails with that reason, as a victim', async (t) => {
  const { kubelet, node } = await aKubelet(t, { run: 60_000 });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Running');
  kubelet.evict(cluster.namespace, name, 'The node was low on resource: memory.');
  const pod = await pods.inPhase(name, 'Failed');
  t.is(pod.status!.reason, 'Evicted');
  t.is(pod.status!.message, 'The node was low on resource: memory.');
  t.is(conditionOf(pod, 'DisruptionTarget'), 'DisruptionTarget=True TerminationByKubelet');
  t.is(stateOf(pod), 'terminated Error 143');
});

test('holds back the end of an evicted pod while its container still runs', async (t) => {
  const { kubelet, node } = await aKubelet(t, { run: 60_000, ignoresTerm: true });
  const name = await pods.create(node, uniqueName('pod'), {}, { terminationGracePeriodSeconds: 2 });
  await pods.inPhase(name, 'Running');
  kubelet.evict(cluster.namespace, name);
  t.is((await pods.get(name))!.status!.phase, 'Running');
  t.is(stateOf(await pods.inPhase(name, 'Failed')), 'terminated Error 137');
});

test('shuts a node down: it is not ready any more and its pods fail as victims', async (t) => {
  const { kubelet, node } = await aKubelet(t, { run: 60_000 });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Running');
  await kubelet.shutDownNode(node);
  const pod = await pods.inPhase(name, 'Failed');
  t.is(pod.status!.reason, 'Terminated');
  t.is(conditionOf(pod, 'DisruptionTarget'), 'DisruptionTarget=True TerminationByKubelet');
  const { body } = await cluster.client.send(`/api/v1/nodes/${node}`);
  const { conditions } = (body as { status: { conditions: { type: string; status: string }[] } }).status;
  t.is(conditions.find(({ type }) => type === 'Ready')?.status, 'False');
});

test('fails a pod that runs past its activeDeadlineSeconds', async (t) => {
  const { node } = await aKubelet(t, { run: 60_000 });
  const name = await pods.create(node, uniqueName('pod'), {}, { activeDeadlineSeconds: 1 });
  const pod = await pods.inPhase(name, 'Failed');
  t.is(pod.status!.reason, 'DeadlineExceeded');
  t.is(conditionOf(pod, 'DisruptionTarget'), 'none');
});

test('ends a deleted pod within its grace, reports how it ended, and takes it away', async (t) => {
  const { node } = await aKubelet(t, { run: 60_000, ignoresTerm: true });
  const name = await pods.create(node, uniqueName('pod'), {}, { terminationGracePeriodSeconds: 1 });
  await pods.inPhase(name, 'Running');
  const seen: string[] = [];
  const stop = new AbortController();
  await pods.remove(name);
  for await (const pod of pods.history(name, stop.signal)) {
    seen.push(pod === null ? 'gone' : `${pod.status?.phase} ${stateOf(pod)}`);
    if (pod === null) stop.abort();
  }
  t.is(seen.at(-1), 'gone');
  t.true(seen.includes('Failed terminated Error 137'), seen.join(', '));
});

test('ends a deleted pod that never started', async (t) => {
  const { node } = await aKubelet(t, { refusal: { reason: 'CreateContainerConfigError', message: 'no Secret' } });
  const name = await pods.create(node, uniqueName('pod'), {}, { terminationGracePeriodSeconds: 30 });
  await pods.once(name, 'the error', (pod) => stateOf(pod) === 'waiting CreateContainerConfigError');
  await pods.remove(name);
  await pods.untilGone(name);
  t.pass();
});

test('ends a deleted pod that had ended long before', async (t) => {
  const { node } = await aKubelet(t, {});
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Succeeded');
  await pods.remove(name);
  await pods.untilGone(name);
  t.pass();
});

test('takes away an evicted pod that is deleted later', async (t) => {
  const { kubelet, node } = await aKubelet(t, { run: 60_000 });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Running');
  kubelet.evict(cluster.namespace, name);
  await pods.inPhase(name, 'Failed');
  await pods.remove(name);
  await pods.untilGone(name);
  t.pass();
});

test('refuses a pod that asks for what it does not do', async (t) => {
  const { node } = await aKubelet(t, {});
  const initial = { name: 'first', image: 'shell' };
  for (const spec of [{ initContainers: [initial] }, { restartPolicy: 'Always' }]) {
    const name = await pods.create(node, uniqueName('pod'), {}, spec);
    t.is((await pods.inPhase(name, 'Failed')).status!.reason, 'UnexpectedAdmissionError');
    await pods.remove(name);
    await pods.untilGone(name);
  }
});

test('takes over the pods of a kubelet that is no more: nobody knows how their containers ended', async (t) => {
  const { kubelet, node } = await aKubelet(t, { run: 60_000 });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Running');
  await kubelet.loseNode(node);
  const successor = await ScriptedKubelet.start(cluster, () => ({ run: 60_000 }), { nodes: [node] });
  t.teardown(() => successor.stop());
  t.is(stateOf(await pods.inPhase(name, 'Failed')), 'terminated ContainerStatusUnknown 137');
});

test('says nothing more of a node that is lost', async (t) => {
  let isStopped = false;
  const { kubelet, node } = await aKubelet(t, {
    run: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve((isStopped = true) && undefined))),
  });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Running');
  await kubelet.loseNode(node);
  t.true(isStopped);
  t.is((await pods.get(name))!.status!.phase, 'Running');
});

test('lets the work of a pod write its log and say how it ends', async (t) => {
  const { node } = await aKubelet(t, {
    log: 'first\n',
    run: async (_signal, print) => {
      print('second\nthird\n');
      return { exitCode: 4, message: 'as it pleased' };
    },
  });
  const name = await pods.create(node, uniqueName('pod'));
  const pod = await pods.inPhase(name, 'Failed');
  t.is(stateOf(pod), 'terminated Error 4');
  t.is(pod.status!.containerStatuses![0]!.state.terminated!.message, 'as it pleased');
  t.is(await pods.log(name), 'first\nsecond\nthird\n');
  t.is(await pods.log(name, { tailLines: 2 }), 'second\nthird\n');
  t.is(await pods.log(name, { tailLines: 0 }), '');
  t.is(await pods.log(name, { limitBytes: 8 }), 'first\nse', 'bytes are limited from the start of what is read, not from the end');
  t.is(await pods.log(name, { tailLines: 2, limitBytes: 3 }), 'sec');
});

test('ends work that throws with exit code 1 and the error in the log', async (t) => {
  const { node } = await aKubelet(t, { run: () => Promise.reject(new Error('out of luck')) });
  const name = await pods.create(node, uniqueName('pod'));
  t.is(stateOf(await pods.inPhase(name, 'Failed')), 'terminated Error 1');
  t.regex(await pods.log(name), /out of luck/);
});

test('refuses the log of a container that waits', async (t) => {
  const { node } = await aKubelet(t, { startAfterMs: 60_000 });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.once(name, 'waiting', (pod) => stateOf(pod) === 'waiting ContainerCreating');
  const { status, body } = await cluster.client.send(`/api/v1/namespaces/${cluster.namespace}/pods/${name}/log`);
  t.is(status, 400);
  t.regex(JSON.stringify(body), /waiting to start: ContainerCreating/);
});

test('answers nothing for the log of a pod that stands nowhere', async (t) => {
  const name = uniqueName('pod');
  const path = `/api/v1/namespaces/${cluster.namespace}/pods`;
  const spec = { restartPolicy: 'Never', nodeSelector: { no: 'such' }, containers: [{ name: 'main', image: 'shell' }] };
  await eventually(async () => (await cluster.client.send(path, { method: 'POST', body: { metadata: { name }, spec } })).status === 201);
  t.is((await cluster.client.send(`${path}/${name}/log`)).status, 204);
});

test('refuses to read a log by less than nothing', async (t) => {
  const { node } = await aKubelet(t, { log: 'text' });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Succeeded');
  for (const query of ['tailLines=-1', 'limitBytes=0']) {
    const { status } = await cluster.client.send(`/api/v1/namespaces/${cluster.namespace}/pods/${name}/log?${query}`);
    t.is(status, 422);
  }
});

test('follows a log until the container ends', async (t) => {
  let say: (text: string) => void = () => undefined;
  let finish: () => void = () => undefined;
  const { node } = await aKubelet(t, {
    run: (_signal, print) =>
      new Promise((resolve) => {
        say = print;
        finish = resolve;
      }),
  });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.inPhase(name, 'Running');
  const response = await cluster.client.open(`/api/v1/namespaces/${cluster.namespace}/pods/${name}/log`, { query: { follow: true } });
  let text = '';
  response.on('data', (chunk: Buffer) => (text += chunk.toString()));
  say('one\n');
  await eventually(() => text === 'one\n');
  say('two\n');
  await eventually(() => text === 'one\ntwo\n');
  finish();
  await eventually(() => response.readableEnded);
  t.is(text, 'one\ntwo\n');
});

test('runs a thousand pods on twenty nodes', async (t) => {
  const { nodes } = await aKubelet(t, { run: 50 }, 20);
  const label = uniqueName('many');
  const path = `/api/v1/namespaces/${cluster.namespace}/pods`;
  const bodies = Array.from({ length: 1000 }, (_, index) => ({
    metadata: { name: `${label}-${index}`, labels: { batch: label } },
    spec: { nodeName: nodes[index % nodes.length], restartPolicy: 'Never', containers: [{ name: 'main', image: 'shell' }] },
  }));
  // The service account of a namespace comes a moment after it.
  await eventually(async () => (await cluster.client.send(path, { method: 'POST', body: bodies[0] })).status === 201);
  for (let from = 1; from < bodies.length; from += 50) {
    await Promise.all(bodies.slice(from, from + 50).map((body) => cluster.client.send(path, { method: 'POST', body })));
  }
  const done = async (): Promise<number> => {
    const query = { labelSelector: `batch=${label}`, fieldSelector: 'status.phase=Succeeded' };
    return ((await cluster.client.send(path, { query })).body as { items: unknown[] }).items.length;
  };
  await eventually(async () => (await done()) === 1000, { timeoutMs: 60_000, intervalMs: 200 });
  t.pass();
});

test('never begins the work of a pod that was deleted before it started', async (t) => {
  let hasBegun = false;
  const { node } = await aKubelet(t, {
    startAfterMs: 60_000,
    run: async () => {
      hasBegun = true;
    },
  });
  const name = await pods.create(node, uniqueName('pod'));
  await pods.once(name, 'waiting', (pod) => stateOf(pod) === 'waiting ContainerCreating');
  await pods.remove(name);
  await pods.untilGone(name);
  t.false(hasBegun);
});
