import test from 'ava';
import { uniqueName } from '../../src/factories.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { aConfigMap, Objects } from './objects.ts';

const file = testFile(test);
let objects: Objects;
test.before(async () => {
  objects = new Objects(await testCluster(file));
});

/** A selector of its own, and the version from which a watch sees all that follows. */
async function aGroup(): Promise<{ group: string; query: { labelSelector: string; resourceVersion: string } }> {
  const group = uniqueName('group');
  const labelSelector = `group=${group}`;
  const { body } = await objects.list('configmaps', { labelSelector });
  return { group, query: { labelSelector, resourceVersion: body.metadata.resourceVersion } };
}

test('tells what happened after the version of a list, in order', async (t) => {
  const { group, query } = await aGroup();
  const map = await objects.made('configmaps', aConfigMap({ group }));
  const { name } = map.metadata;
  await objects.patch('configmaps', name, { data: { a: '1' } });
  await objects.delete('configmaps', name);
  t.deepEqual(await objects.events('configmaps', query, 3), [`ADDED ${name}`, `MODIFIED ${name}`, `DELETED ${name}`]);
});

test('tells what happens while it is open', async (t) => {
  const { group, query } = await aGroup();
  const stop = new AbortController();
  const events = objects.watch('configmaps', query, stop.signal);
  const next = events.next();
  const map = await objects.made('configmaps', aConfigMap({ group }));
  t.like((await next).value, { type: 'ADDED', object: { kind: 'ConfigMap', metadata: { name: map.metadata.name } } });
  stop.abort();
  await events.return(undefined);
});

test('begins with what is there when no version is given', async (t) => {
  const { group, query } = await aGroup();
  const names = [await objects.made('configmaps', aConfigMap({ group })), await objects.made('configmaps', aConfigMap({ group }))].map(
    ({ metadata }) => metadata.name,
  );
  const seen = await objects.events('configmaps', { labelSelector: query.labelSelector }, 2);
  t.deepEqual(seen.toSorted(), names.map((name) => `ADDED ${name}`).toSorted());
});

test('tells of an object that stops matching as DELETED, and of one that begins to as ADDED', async (t) => {
  const { group, query } = await aGroup();
  const { metadata } = await objects.made('configmaps', aConfigMap({ group }));
  await objects.patch('configmaps', metadata.name, { metadata: { labels: { group: 'other' } } });
  await objects.patch('configmaps', metadata.name, { metadata: { labels: { group } } });
  t.deepEqual(
    await objects.events('configmaps', query, 3),
    ['ADDED', 'DELETED', 'ADDED'].map((type) => `${type} ${metadata.name}`),
  );
});

test('tells of a leaving object as it was, at the version at which it left', async (t) => {
  const { group, query } = await aGroup();
  const { metadata } = await objects.made('configmaps', aConfigMap({ group }));
  const { body: moved } = await objects.patch('configmaps', metadata.name, { metadata: { labels: { group: 'other' } } });
  const stop = new AbortController();
  for await (const { type, object } of objects.watch('configmaps', query, stop.signal)) {
    if (type !== 'DELETED') continue;
    t.is(object.metadata.labels?.['group'], group);
    t.is(object.metadata.resourceVersion, moved.metadata.resourceVersion);
    stop.abort();
  }
});

test('sends a last bookmark and ends when its time is over', async (t) => {
  const { query } = await aGroup();
  const types: string[] = [];
  let version = '';
  for await (const { type, object } of objects.watch('configmaps', { ...query, timeoutSeconds: 3, allowWatchBookmarks: true })) {
    types.push(type);
    version = object.metadata.resourceVersion;
  }
  t.deepEqual([...new Set(types)], ['BOOKMARK']);
  t.true(Number(version) >= Number(query.resourceVersion));
});

test('watches one object by its name', async (t) => {
  const { query } = await aGroup();
  const map = aConfigMap();
  const { name } = map.metadata;
  await Promise.all([objects.made('configmaps', aConfigMap()), objects.made('configmaps', map)]);
  const byName = { fieldSelector: `metadata.name=${name}`, resourceVersion: query.resourceVersion };
  t.deepEqual(await objects.events('configmaps', byName, 1), [`ADDED ${name}`]);
});
