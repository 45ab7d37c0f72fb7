import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { eventually, ScriptedKubelet } from '@cloudscan/testing';
import type { Fault, FaultEffect, Pod, PodScript } from '@cloudscan/testing';
import { pictured, WatchedCluster, wordFor } from './watched-cluster.ts';

test('follows Jobs from their making to their removal', async (t) => {
  const cluster = await WatchedCluster.open(t);
  const kubelet = await ScriptedKubelet.start(cluster.simulator.access, () => ({ run: 50, end: { exitCode: 3 } }));
  t.teardown(() => kubelet.stop());
  const words: (string | null)[] = [];
  const picture = await cluster.watch((jobName) => void words.push(wordFor(picture, jobName)));
  const jobName = await cluster.createJob();
  await eventually(() => wordFor(picture, jobName) === 'tool_error');
  await cluster.send('PATCH', 'jobs', jobName, { metadata: { labels: { 'cloudscan.io/recorded': 'true' } } });
  await eventually(() => words.at(-1) === null);
  // States that follow each other at once may be told as one.
  t.deepEqual(
    words.filter((word) => word !== 'running'),
    ['pending', 'tool_error', null],
  );
  t.is((await cluster.podsOf(jobName)).length, 1);
  t.deepEqual(picture.podsOf(jobName), []);
});

interface Happening {
  readonly script?: PodScript;
  readonly pod?: object;
  readonly job?: object;
  /** What happens once it runs. */
  readonly then?: (cluster: WatchedCluster, kubelet: ScriptedKubelet, pod: Pod, jobName: string) => unknown;
  readonly word: string;
}

const runs: PodScript = { run: 600_000 };
const onNode = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node } });
const happenings: Readonly<Record<string, Happening>> = {
  'a fault': { script: { end: { exitCode: 1 } }, word: 'internal' },
  'an unreachable orchestrator': { script: { end: { exitCode: 5 } }, word: 'runner_lost' },
  'a want of memory': { script: { end: { exitCode: 137, reason: 'OOMKilled' } }, word: 'oom_killed' },
  'an image that is not there': { script: { refusal: { reason: 'ErrImagePull', message: 'not found' } }, word: 'waits: image_pull' },
  'a Secret that is not there': {
    script: { refusal: { reason: 'CreateContainerConfigError', message: 'secret "x" not found' } },
    word: 'waits: internal',
  },
  'no node for it': { pod: { nodeSelector: { size: 'huge' } }, word: 'waits: unschedulable' },
  'a node under pressure': { script: runs, then: (_, kubelet, { metadata }) => kubelet.evict('cloudscan', metadata.name), word: 'evicted' },
  'too much on its disk': {
    script: runs,
    then: (_, kubelet, { metadata }) =>
      kubelet.terminate('cloudscan', metadata.name, {
        ...{ reason: 'Evicted', message: 'Usage of EmptyDir volume "work" exceeds the limit "1Gi".', isDisruption: false },
      }),
    word: 'quota',
  },
  'a shutdown of its node': {
    script: runs,
    then: (_, kubelet, { metadata }) =>
      kubelet.terminate('cloudscan', metadata.name, {
        ...{ reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.', isDisruption: true },
      }),
    word: 'preempted',
  },
  'a drain of its node': { script: runs, pod: onNode('drained'), then: ({ simulator }) => simulator.drainNode('drained'), word: 'evicted' },
  'a pod that matters more': {
    script: runs,
    then: ({ simulator }, _, { metadata }) => simulator.preemptPod('cloudscan', metadata.name),
    word: 'preempted',
  },
  'a deletion of its pod': {
    script: runs,
    then: (cluster, _, { metadata }) => cluster.send('DELETE', 'pods', metadata.name),
    word: 'runner_lost',
  },
  'a suspension of its Job': {
    script: runs,
    then: (cluster, _kubelet, _pod, jobName) => cluster.send('PATCH', 'jobs', jobName, { spec: { suspend: true } }),
    word: 'cancelled',
  },
  "its pod's deadline": { script: runs, pod: { activeDeadlineSeconds: 1 }, word: 'deadline_exceeded' },
  "its Job's deadline": { script: runs, job: { activeDeadlineSeconds: 1 }, word: 'deadline_exceeded' },
};

test('each way in which a run fails reaches the picture as its own reason', async (t) => {
  const cluster = await WatchedCluster.open(t);
  const scripts = new Map<string, PodScript>();
  const kubelet = await ScriptedKubelet.start(
    cluster.simulator.access,
    ({ metadata }) => scripts.get(metadata.labels!['batch.kubernetes.io/job-name']!)!,
    { nodes: ['node-1', 'drained'] },
  );
  t.teardown(() => kubelet.stop());
  const picture = await cluster.watch(() => undefined);
  await Promise.all(
    Object.entries(happenings).map(async ([name, { script = {}, then, word, pod, job }]) => {
      // Suspended until its script is known.
      const jobName = await cluster.createJob({ pod: { ...onNode('node-1'), ...pod }, job: { ...job, suspend: true } });
      scripts.set(jobName, script);
      await cluster.send('PATCH', 'jobs', jobName, { spec: { suspend: false } });
      if (then !== undefined) {
        await eventually(() => wordFor(picture, jobName) === 'running', { what: `${name}: a run` });
        const [itsPod] = await cluster.podsOf(jobName);
        await then(cluster, kubelet, itsPod as unknown as Pod, jobName);
      }
      await eventually(() => wordFor(picture, jobName) === word, { what: `${name} as ${word}` });
    }),
  );
  t.pass();
});

type Step =
  | { readonly kind: 'create' | 'record' | 'delete' | 'deletePod' | 'suspend' | 'compact'; readonly which: number }
  | { readonly kind: 'pod'; readonly which: number; readonly phase: 'Running' | 'Succeeded' | 'Failed' }
  | { readonly kind: 'fault'; readonly fault: Fault };

const effects: readonly FaultEffect[] = [
  ...([410, 429, 500, 503] as const).map((code) => ({ kind: 'status', code }) as const),
  { kind: 'reset', when: 'before' },
  { kind: 'reset', when: 'after' },
  { kind: 'slow', delayMs: 50 },
  { kind: 'hang' },
  { kind: 'stale' },
  { kind: 'freeze' },
  { kind: 'cut' },
  { kind: 'duplicate' },
  { kind: 'reorder' },
];

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('create' as const), which: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pod' as const),
      which: fc.nat(),
      phase: fc.constantFrom('Running' as const, 'Succeeded' as const, 'Failed' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('record' as const, 'delete' as const, 'deletePod' as const, 'suspend' as const, 'compact' as const),
      which: fc.nat(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      fault: fc.record({
        effect: fc.constantFrom(...effects),
        resources: fc.constantFrom(['jobs'], ['pods'], ['jobs', 'pods']),
        verbs: fc.constant(['list', 'watch'] as const),
        count: fc.integer({ min: 1, max: 4 }),
      }),
    }),
  },
);

/** What happens to a cluster, as its users and kubelets would do it. What is not there cannot be changed: that is fine. */
class Disorder {
  readonly #cluster: WatchedCluster;
  readonly #jobs: string[] = [];

  constructor(cluster: WatchedCluster) {
    this.#cluster = cluster;
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'fault') return void this.#cluster.simulator.faults.add(step.fault);
    if (step.kind === 'compact') return this.#cluster.simulator.compact();
    if (step.kind === 'create') return void this.#jobs.push(await this.#cluster.createJob());
    const name = this.#jobs[step.which % this.#jobs.length];
    if (name === undefined) return;
    const patch = (body: object) => this.#cluster.send('PATCH', 'jobs', name, body);
    switch (step.kind) {
      case 'record':
        return void (await patch({ metadata: { labels: { 'cloudscan.io/recorded': 'true' } } }));
      case 'suspend':
        return void (await patch({ spec: { suspend: true } }));
      case 'delete':
        return void (await this.#cluster.send('DELETE', 'jobs', name, { propagationPolicy: 'Background' }));
      case 'deletePod':
      case 'pod':
        return this.#toPods(name, step);
    }
  }

  async #toPods(jobName: string, step: Step): Promise<void> {
    // The writer's own lists are subject to the faults as well.
    const pods = await this.#cluster.podsOf(jobName).catch(() => []);
    for (const { metadata } of pods) {
      if (step.kind === 'pod') await this.#cluster.send('PATCH', 'pods', metadata!.name, { status: { phase: step.phase } }, '/status');
      else await this.#cluster.send('DELETE', 'pods', metadata!.name, { gracePeriodSeconds: 0 });
    }
  }
}

test('after any sequence of faults and writes the picture is what a list says, and each change was told', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 10, maxLength: 40 }), async (steps) => {
      const cluster = await WatchedCluster.open(t, { historyLimit: 20 });
      const told = new Map<string, string | null>();
      const picture = await cluster.watch((jobName) => void told.set(jobName, wordFor(picture, jobName)));
      const disorder = new Disorder(cluster);
      for (const step of steps) await disorder.take(step);
      cluster.simulator.faults.clear();
      await cluster.simulator.settled();
      await eventually(async () => isDeepStrictEqual(pictured(picture), await cluster.live(picture))).catch(() => undefined);
      t.deepEqual(pictured(picture), await cluster.live(picture));
      const names = () => new Set([...told.keys(), ...Object.keys(pictured(picture))]);
      const words = () => [...names()].map((name) => [name, wordFor(picture, name)] as const);
      await eventually(() => words().every(([name, word]) => told.get(name) === word)).catch(() => undefined);
      for (const [name, word] of words()) t.is(told.get(name), word, name);
      await picture.stop();
      await cluster.simulator.stop();
    }),
    { numRuns: 12, endOnFailure: true, includeErrorInReport: true },
  );
});
