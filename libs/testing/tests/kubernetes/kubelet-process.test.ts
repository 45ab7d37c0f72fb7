import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { FakeClock } from '../../src/clock.ts';
import { eventually } from '../../src/eventually.ts';
import { uniqueName } from '../../src/factories.ts';
import type { Pod } from '../../src/kubernetes/kubelet/kubernetes-types.ts';
import { ProcessKubelet } from '../../src/kubernetes/kubelet/process-kubelet.ts';
import type { ProcessKubeletOptions } from '../../src/kubernetes/kubelet/process-kubelet.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';
import { processesOf } from '../../src/processes-of.ts';
import { testFile } from '../../src/test-file.ts';
import { conditionOf, Pods, stateOf } from './pods.ts';

const file = testFile(test);
let cluster: TestCluster;
let pods: Pods;
let node: string;

const images: ProcessKubeletOptions['images'] = {
  shell: { cmd: ['sh'] },
  node: { entrypoint: [process.execPath], cmd: ['--version'] },
  greeter: { entrypoint: ['echo', 'hello'], cmd: ['world'], env: { GREETING: 'from the image' } },
};

test.before(async () => {
  cluster = await testCluster(file);
  pods = new Pods(cluster);
  node = uniqueName('node');
  const kubelet = await ProcessKubelet.start(cluster, { nodes: [node], images });
  file.teardown(() => kubelet.stop());
});

/** Runs it to its end. */
async function run(container: Parameters<Pods['create']>[2], spec: Partial<Pod['spec']> = {}): Promise<{ pod: Pod; log: string }> {
  const name = await pods.create(node, uniqueName('pod'), container, spec);
  const pod = await pods.once(name, 'the end', ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed');
  return { pod, log: await pods.log(name) };
}

async function createData(t: ExecutionContext, kind: 'configmaps' | 'secrets', name: string, data: Readonly<Record<string, string>>) {
  const path = `/api/v1/namespaces/${cluster.namespace}/${kind}`;
  const body = kind === 'secrets' ? { metadata: { name }, stringData: data } : { metadata: { name }, data };
  t.is((await cluster.client.send(path, { method: 'POST', body })).status, 201);
}

test("runs a container's command as a process and reports its exit code", async (t) => {
  const { pod, log } = await run({ command: ['sh', '-c', 'echo out; echo err >&2; exit 3'] });
  t.is(pod.status!.phase, 'Failed');
  t.is(stateOf(pod), 'terminated Error 3');
  t.is(log, 'out\nerr\n');
});

test("runs the image's own command, with the container's arguments in its place", async (t) => {
  t.is((await run({ image: 'greeter:any-tag' })).log, 'hello world\n');
  t.is((await run({ image: 'greeter', args: ['you'] })).log, 'hello you\n');
  t.is((await run({ image: 'greeter', command: ['sh', '-c', 'echo $GREETING'] })).log, 'from the image\n');
});

test('gives a process its environment from values, Secrets, ConfigMaps and fields', async (t) => {
  const name = uniqueName('data');
  await createData(t, 'secrets', name, { token: 's3cret' });
  await createData(t, 'configmaps', name, { COLOUR: 'blue' });
  const { log } = await run({
    command: ['sh', '-c', 'echo $TOKEN $COLOUR $IN_NAMESPACE $LINE $NOTHING; echo $(TOKEN) $$(TOKEN)'],
    env: [
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name, key: 'token' } } },
      { name: 'IN_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'LINE', value: 'token=$(TOKEN)' },
      { name: 'NOTHING', valueFrom: { secretKeyRef: { name: 'no-such', key: 'token', optional: true } } },
    ],
    envFrom: [{ configMapRef: { name } }],
  });
  t.is(log.split('\n')[0], `s3cret blue ${cluster.namespace} token=s3cret`);
});

test('waits for a Secret that is not there yet', async (t) => {
  const clock = new FakeClock(new Date());
  const own = uniqueName('node');
  const kubelet = await ProcessKubelet.start(cluster, { nodes: [own], images, clock });
  t.teardown(() => kubelet.stop());
  const secret = uniqueName('secret');
  const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: secret, key: 'token' } } }];
  const name = await pods.create(own, uniqueName('pod'), { command: ['sh', '-c', 'echo $TOKEN'], env });
  const waiting = await pods.once(name, 'the error', (pod) => stateOf(pod) === 'waiting CreateContainerConfigError');
  t.is(waiting.status!.containerStatuses![0]!.state.waiting!.message, `secret "${secret}" not found`);
  await createData(t, 'secrets', secret, { other: 'x' });
  clock.advance(10_000);
  const message = `couldn't find key token in Secret ${cluster.namespace}/${secret}`;
  await pods.once(name, message, (pod) => pod.status?.containerStatuses?.[0]?.state.waiting?.message === message);
  const path = `/api/v1/namespaces/${cluster.namespace}/secrets/${secret}`;
  const body = { stringData: { token: 'now' } };
  await cluster.client.send(path, { method: 'PATCH', body, contentType: 'application/merge-patch+json' });
  clock.advance(10_000);
  await pods.inPhase(name, 'Succeeded');
  t.is(await pods.log(name), 'now\n');
});

test('starts sidecars before the containers, starts them again when they end, and ends them after', async (t) => {
  const volumes = [{ name: 'shared', emptyDir: {} }];
  const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
  const within = (command: string) => ({ image: 'shell', command: ['sh', '-c', `cd "$0" && ${command}`, '/shared'], volumeMounts });
  const sidecar =
    'if [ -e first ]; then echo again >>log; trap "echo told >>log; exit 9" TERM; while :; do sleep 0.1; done; fi; echo >first';
  const { pod, log } = await run(within('until [ -e log ]; do sleep 0.1; done; cat log; pwd'), {
    volumes,
    initContainers: [{ name: 'side', restartPolicy: 'Always', ...within(sidecar) }],
  });
  t.is(pod.status!.phase, 'Succeeded');
  const [said, folder] = log.split('\n');
  t.is(said, 'again');
  t.is(readFileSync(join(folder!, 'log'), 'utf8'), 'again\ntold\n');
  t.is(pod.status!.initContainerStatuses![0]!.state.terminated!.exitCode, 9);
});

test('gives a pod folders for its volumes, which end with it', async (t) => {
  const volumes = [{ name: 'work', emptyDir: {} }];
  const volumeMounts = [{ name: 'work', mountPath: '/scratch' }];
  const env = [{ name: 'WORK_DIR', value: '/scratch/results' }];
  const command = ['sh', '-c', 'mkdir "$WORK_DIR" && cd "$WORK_DIR" && echo written > file && pwd && cat "$0"', '/scratch/results/file'];
  const { pod, log } = await run({ command, env, volumeMounts }, { volumes });
  t.is(pod.status!.phase, 'Succeeded', log);
  const [folder, content] = log.split('\n');
  t.is(content, 'written');
  t.true(existsSync(folder!));
  await pods.remove(pod.metadata.name);
  await eventually(() => !existsSync(folder!), { what: 'the end of the volume' });
});

test('evicts a pod whose volume takes more than its limit', async (t) => {
  const { pod } = await run(
    {
      command: ['sh', '-c', 'head -c 3000000 /dev/zero > "$WORK_DIR/big"; sleep 100'],
      env: [{ name: 'WORK_DIR', value: '/scratch' }],
      volumeMounts: [{ name: 'work', mountPath: '/scratch' }],
    },
    { volumes: [{ name: 'work', emptyDir: { sizeLimit: '2Mi' } }] },
  );
  t.is(pod.status!.reason, 'Evicted');
  t.is(pod.status!.message, 'Usage of EmptyDir volume "work" exceeds the limit "2Mi". ');
  t.is(conditionOf(pod, 'DisruptionTarget'), 'none');
});

test('projects ConfigMaps and fields into one volume, once they are there', async (t) => {
  const map = uniqueName('map');
  const sources = [
    { configMap: { name: map, items: [{ key: 'colour', path: 'of/colour' }] } },
    { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
  ];
  const name = await pods.create(
    node,
    uniqueName('pod'),
    { command: ['sh', '-c', 'cat "$0/of/colour" "$0/name"', '/projected'], volumeMounts: [{ name: 'all', mountPath: '/projected' }] },
    { volumes: [{ name: 'all', projected: { sources } }] },
  );
  await pods.once(name, 'waiting', (pod) => stateOf(pod) === 'waiting ContainerCreating');
  await createData(t, 'configmaps', map, { colour: 'blue ', other: 'x' });
  await pods.inPhase(name, 'Succeeded');
  t.is(await pods.log(name), `blue ${name}`);
});

test('mounts a Secret as files', async (t) => {
  const name = uniqueName('files');
  await createData(t, 'secrets', name, { token: 's3cret' });
  const volumeMounts = [{ name: 'secrets', mountPath: '/var/run/secrets/x' }];
  const { log } = await run(
    { command: ['cat', '/var/run/secrets/x/token'], volumeMounts },
    { volumes: [{ name: 'secrets', secret: { secretName: name } }] },
  );
  t.is(log, 's3cret');
});

test('kills what takes more memory than its limit, with all that it started', async (t) => {
  const script = "const held = []; setInterval(() => held.push(Buffer.alloc(2 ** 24, 1)), 5); console.log('begun')";
  const { pod, log } = await run({
    image: 'node',
    args: [
      '-e',
      `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(script)}], { stdio: 'inherit', detached: true }); setInterval(() => {}, 1000)`,
    ],
    resources: { limits: { memory: '200Mi' } },
  });
  t.is(stateOf(pod), 'terminated OOMKilled 137');
  t.is(log, 'begun\n');
});

test('leaves nothing running of a container whose first process has ended', async (t) => {
  const marker = uniqueName('orphan');
  // Lives on in a session of its own, as what a scanner starts may do; until it was seen at least once.
  const { pod } = await run({
    command: ['sh', '-c', `setsid sleep 1000 ${marker} 2>/dev/null & setsid sh -c "sleep 1000; : ${marker}" & sleep 1`],
  });
  t.is(pod.status!.phase, 'Succeeded');
  t.deepEqual(processesOf(marker), []);
});

test('asks a deleted pod to end, and lets it finish within its grace', async (t) => {
  const name = await pods.create(node, uniqueName('pod'), {
    command: ['sh', '-c', 'trap "echo asked; exit 0" TERM; echo ready; while :; do sleep 0.1; done'],
  });
  await eventually(async () => (await pods.log(name)) === 'ready\n');
  const stop = new AbortController();
  let last = '';
  await pods.remove(name);
  for await (const pod of pods.history(name, stop.signal)) {
    if (pod === null) stop.abort();
    else last = `${pod.status!.phase} ${stateOf(pod)}`;
  }
  t.is(last, 'Succeeded terminated Completed 0');
});

test('kills a deleted pod that does not end within its grace', async (t) => {
  const marker = uniqueName('stubborn');
  const command = ['sh', '-c', `trap "" TERM; echo ready; while :; do sleep 0.1; done; : ${marker}`];
  const name = await pods.create(node, uniqueName('pod'), { command }, { terminationGracePeriodSeconds: 1 });
  await eventually(async () => (await pods.log(name)) === 'ready\n');
  t.not(processesOf(marker).length, 0);
  await pods.remove(name);
  await pods.untilGone(name);
  t.deepEqual(processesOf(marker), []);
});

test('fails a pod past its deadline and kills its processes', async (t) => {
  const marker = uniqueName('late');
  const { pod } = await run({ command: ['sh', '-c', `sleep 100; : ${marker}`] }, { activeDeadlineSeconds: 1 });
  t.is(pod.status!.reason, 'DeadlineExceeded');
  t.is(stateOf(pod), 'terminated Error 143');
  t.deepEqual(processesOf(marker), []);
});

test('fails a pod whose program is not there', async (t) => {
  const name = await pods.create(node, uniqueName('pod'), { command: ['no-such-program'] });
  const pod = await pods.inPhase(name, 'Failed');
  t.is(stateOf(pod), 'terminated StartError 128');
  t.regex(pod.status!.containerStatuses![0]!.state.terminated!.message!, /executable file not found in \$PATH/);
});

for (const [image, reason] of [
  ['registry.example/no-such:1.2', 'ImagePullBackOff'],
  ['Not an image', 'InvalidImageName'],
  ['registry.example/UpperCase:1', 'InvalidImageName'],
] as const) {
  test(`leaves a pod pending for the image ${image}: ${reason}`, async (t) => {
    const name = await pods.create(node, uniqueName('pod'), { image });
    const pod = await pods.once(name, reason, (current) => stateOf(current) === `waiting ${reason}`);
    t.is(pod.status!.phase, 'Pending');
    t.is(conditionOf(pod, 'Ready'), 'Ready=False ContainersNotReady');
  });
}

test('follows the log of a process', async (t) => {
  const name = await pods.create(node, uniqueName('pod'), { command: ['sh', '-c', 'echo one; sleep 1; echo two'] });
  await pods.once(name, 'a start', ({ status }) => status?.phase !== 'Pending');
  t.is(await pods.log(name, { follow: 'true' }), 'one\ntwo\n');
});

test('leaves no process and no folder behind when it stops', async (t) => {
  const own = uniqueName('node');
  const kubelet = await ProcessKubelet.start(cluster, { nodes: [own], images });
  t.teardown(() => kubelet.stop());
  const marker = uniqueName('left');
  const name = await pods.create(own, uniqueName('pod'), { command: ['sh', '-c', `pwd; sleep 1000; : ${marker}`] });
  await eventually(async () => (await pods.log(name)).startsWith('/'));
  const folder = (await pods.log(name)).trim();
  await kubelet.stop();
  t.deepEqual(processesOf(marker), []);
  t.false(existsSync(folder));
});
