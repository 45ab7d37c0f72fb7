import type { ExecutionContext } from 'ava';
import test from 'ava';
import { FakeClock } from '../../src/clock.ts';
import type { KubernetesSimulatorOptions } from '../../src/kubernetes/simulator.ts';
import { simulatedCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { aConfigMap, Objects } from './objects.ts';
import type { Status, Thing } from './objects.ts';

testFile(test);

async function aCluster(t: ExecutionContext, options: KubernetesSimulatorOptions = {}) {
  const cluster = await simulatedCluster(t, options);
  return { simulator: cluster.simulator, objects: new Objects(cluster) };
}

async function firstEvent(objects: Objects, resourceVersion: string) {
  const stop = new AbortController();
  for await (const event of objects.watch('configmaps', { resourceVersion }, stop.signal)) {
    stop.abort();
    return event;
  }
  throw new Error('the watch ended');
}

test('ends a watch that resumes from forgotten history with 410', async (t) => {
  const { objects, simulator } = await aCluster(t);
  const { body: list } = await objects.list('configmaps');
  const { metadata } = await objects.made('configmaps', aConfigMap());
  t.is((await firstEvent(objects, list.metadata.resourceVersion)).type, 'ADDED');
  simulator.compact();
  const { type, object } = await firstEvent(objects, list.metadata.resourceVersion);
  t.is(type, 'ERROR');
  t.like(object as unknown as Status, { kind: 'Status', code: 410, reason: 'Expired' });
  await objects.delete('configmaps', metadata.name);
  const { body: fresh } = await objects.list('configmaps');
  await objects.made('configmaps', aConfigMap());
  t.is((await firstEvent(objects, fresh.metadata.resourceVersion)).type, 'ADDED');
});

test('keeps watches open that are not behind when history is forgotten', async (t) => {
  const { objects, simulator } = await aCluster(t);
  const stop = new AbortController();
  const events = objects.watch('configmaps', {}, stop.signal);
  await objects.made('configmaps', aConfigMap());
  t.is((await events.next()).value?.type, 'ADDED');
  simulator.compact();
  const second = await objects.made('configmaps', aConfigMap());
  t.is((await events.next()).value?.object.metadata.name, second.metadata.name);
  stop.abort();
  await events.return(undefined);
});

test('forgets by itself what is beyond its limit', async (t) => {
  const { objects } = await aCluster(t, { historyLimit: 4 });
  const { body: list } = await objects.list('configmaps');
  for (let made = 0; made < 8; made += 1) await objects.made('configmaps', aConfigMap());
  t.is((await firstEvent(objects, list.metadata.resourceVersion)).type, 'ERROR');
});

test('answers 410 to the continuation of a list that is forgotten, with a token to go on without consistency', async (t) => {
  const { objects, simulator } = await aCluster(t);
  const maps = [
    await objects.made('configmaps', aConfigMap()),
    await objects.made('configmaps', aConfigMap()),
    await objects.made('configmaps', aConfigMap()),
  ];
  const names = maps.map(({ metadata }) => metadata.name).toSorted();
  const { body: first } = await objects.list('configmaps', { limit: 1 });
  await objects.delete('configmaps', names[1]!);
  simulator.compact();
  const { status, body } = await objects.list<Status>('configmaps', { limit: 1, continue: first.metadata.continue! });
  t.is(status, 410);
  t.is(body.reason, 'Expired');
  const { body: rest } = await objects.list('configmaps', { limit: 10, continue: body.metadata.continue! });
  t.deepEqual(
    rest.items.map(({ metadata }) => metadata.name),
    [names[2]],
  );
});

test('answers 410 to a list at a version that is forgotten', async (t) => {
  const { objects, simulator } = await aCluster(t);
  const { metadata } = await objects.made('configmaps', aConfigMap());
  await objects.delete('configmaps', metadata.name);
  simulator.compact();
  t.is((await objects.list('configmaps', { resourceVersion: metadata.resourceVersion, resourceVersionMatch: 'Exact' })).status, 410);
});

test('marks the end of the initial events', async (t) => {
  const { objects } = await aCluster(t);
  await objects.made('configmaps', aConfigMap());
  const initial = {
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: true,
  };
  const seen: string[] = [];
  const stop = new AbortController();
  for await (const { type, object } of objects.watch('configmaps', initial, stop.signal)) {
    seen.push(type);
    if (object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true') stop.abort();
  }
  t.deepEqual(seen, ['ADDED', 'BOOKMARK']);
});

test('sends a bookmark every minute of the cluster', async (t) => {
  const clock = new FakeClock();
  const { objects, simulator } = await aCluster(t, { clock });
  const stop = new AbortController();
  const events = objects.watch('configmaps', { allowWatchBookmarks: true }, stop.signal);
  await objects.made('configmaps', aConfigMap());
  t.is((await events.next()).value?.type, 'ADDED');
  const { metadata } = await objects.made('secrets', { metadata: { name: 'meanwhile' } });
  clock.advance(60_000);
  const bookmark = (await events.next()).value as { type: string; object: Thing };
  t.is(bookmark.type, 'BOOKMARK');
  t.true(Number(bookmark.object.metadata.resourceVersion) >= Number(metadata.resourceVersion));
  t.is(simulator.requests.get('watch configmaps'), 1);
  stop.abort();
  await events.return(undefined);
});
