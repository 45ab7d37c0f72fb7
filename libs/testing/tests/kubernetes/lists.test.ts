import test from 'ava';
import { uniqueName } from '../../src/factories.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { aConfigMap, Objects } from './objects.ts';
import type { Status } from './objects.ts';

const file = testFile(test);
let objects: Objects;
test.before(async () => {
  objects = new Objects(await testCluster(file));
});

/** So many ConfigMaps of a group; answers the group's selector and their names in order. */
async function aGroup(size: number): Promise<{ labelSelector: string; group: string; names: readonly string[] }> {
  const group = uniqueName('group');
  const made = await Promise.all(Array.from({ length: size }, () => objects.made('configmaps', aConfigMap({ group }))));
  return { group, labelSelector: `group=${group}`, names: made.map(({ metadata }) => metadata.name).toSorted() };
}

test('lists in the order of names, as of one version, without the kind of each item', async (t) => {
  const { labelSelector, names } = await aGroup(3);
  const { body } = await objects.list('configmaps', { labelSelector });
  t.is(body.kind, 'ConfigMapList');
  t.deepEqual(
    body.items.map(({ metadata }) => metadata.name),
    names,
  );
  t.regex(body.metadata.resourceVersion, /^\d+$/);
  t.false('kind' in body.items[0]!);
});

test('pages through a list as it was when the first page was read', async (t) => {
  const { labelSelector, names, group } = await aGroup(5);
  const first = (await objects.list('configmaps', { labelSelector, limit: 2 })).body;
  t.is(first.items.length, 2);
  await objects.delete('configmaps', names[3]!);
  await objects.made('configmaps', aConfigMap({ group }));
  const second = (await objects.list('configmaps', { labelSelector, limit: 2, continue: first.metadata.continue! })).body;
  const third = (await objects.list('configmaps', { labelSelector, limit: 2, continue: second.metadata.continue! })).body;
  t.deepEqual(
    [first, second, third].flatMap(({ items }) => items.map(({ metadata }) => metadata.name)),
    names,
  );
  t.is(third.metadata.resourceVersion, first.metadata.resourceVersion);
  t.falsy(third.metadata.continue);
});

test('says how many remain only where no selector narrows the list', async (t) => {
  const { labelSelector } = await aGroup(3);
  const all = (await objects.list('configmaps', { limit: 1 })).body;
  t.true(all.metadata.remainingItemCount! >= 2);
  t.is((await objects.list('configmaps', { limit: 1, labelSelector })).body.metadata.remainingItemCount, undefined);
});

test('refuses a continue token that is none', async (t) => {
  t.is((await objects.list('configmaps', { limit: 1, continue: 'nonsense' })).status, 400);
});

test('selects by labels: equal, unequal, in a set, not in it, present, absent', async (t) => {
  const group = uniqueName('group');
  const labels: readonly Record<string, string>[] = [{ colour: 'red' }, { colour: 'blue' }, {}];
  const [red, blue, plain] = await Promise.all(labels.map((own) => objects.made('configmaps', aConfigMap({ group, ...own }))));
  const nameOf = { red: red!.metadata.name, blue: blue!.metadata.name, plain: plain!.metadata.name };
  const expectations: readonly [string, readonly (keyof typeof nameOf)[]][] = [
    ['colour=red', ['red']],
    ['colour==red', ['red']],
    ['colour!=red', ['blue', 'plain']],
    ['colour in (red, blue)', ['red', 'blue']],
    ['colour notin (red)', ['blue', 'plain']],
    ['colour', ['red', 'blue']],
    ['!colour', ['plain']],
    ['colour,colour!=blue', ['red']],
  ];
  for (const [selector, expected] of expectations) {
    const { body } = await objects.list('configmaps', { labelSelector: `group=${group},${selector}` });
    t.deepEqual(
      body.items.map(({ metadata }) => metadata.name),
      expected.map((key) => nameOf[key]).toSorted(),
      selector,
    );
  }
});

test('selects by fields, and refuses fields that it does not know', async (t) => {
  const map = await objects.made('configmaps', aConfigMap());
  const { name } = map.metadata;
  const { body } = await objects.list('configmaps', { fieldSelector: `metadata.name=${name}` });
  t.deepEqual(
    body.items.map(({ metadata }) => metadata.name),
    [name],
  );
  t.is((await objects.list('configmaps', { fieldSelector: 'spec.nodeName=x' })).status, 400);
});

test('refuses a selector that cannot be parsed', async (t) => {
  t.is((await objects.list('configmaps', { labelSelector: 'a in (b' })).status, 400);
});

test('lists at a version that is asked for exactly', async (t) => {
  const { labelSelector, names } = await aGroup(2);
  const { body: before } = await objects.list('configmaps', { labelSelector });
  await objects.delete('configmaps', names[0]!);
  const exact = { labelSelector, resourceVersion: before.metadata.resourceVersion, resourceVersionMatch: 'Exact' };
  t.is((await objects.list('configmaps', exact)).body.items.length, 2);
  const { resourceVersion: _resourceVersion, ...withoutVersion } = exact;
  t.is((await objects.list<Status>('configmaps', withoutVersion)).status, 422);
});

test('asks to wait for a version that is not there yet', async (t) => {
  const { status, body } = await objects.list<Status>('configmaps', { resourceVersion: '999999999', resourceVersionMatch: 'NotOlderThan' });
  t.is(status, 504);
  t.is(body.reason, 'Timeout');
  t.is(body.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge');
});

test('lists the objects of all namespaces', async (t) => {
  const map = await objects.made('configmaps', aConfigMap());
  const { body } = await objects.send<{ items: { metadata: { name: string } }[] }>('/api/v1/configmaps', {
    query: { fieldSelector: `metadata.name=${map.metadata.name}` },
  });
  t.is(body.items.length, 1);
});
