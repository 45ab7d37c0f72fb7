import { appendFile, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { lookUp, openAdvisoryIndex } from './advisory-index.ts';
import type { AdvisoryIndex } from './advisory-index.ts';

async function folders(t: ExecutionContext): Promise<{ set: string; cache: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'index-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const set = await mkdtemp(path.join(folder, 'set-'));
  return { set, cache: path.join(folder, 'cache') };
}

async function putRecord(set: string, id: string, packageName: string, more: object = {}): Promise<void> {
  const affected = [{ package: { ecosystem: 'PyPI', name: packageName }, versions: ['1.0'] }];
  await writeFile(path.join(set, `${id}.json`), JSON.stringify({ id, modified: '2026-01-01T00:00:00Z', affected, ...more }));
}

async function idsOf(index: AdvisoryIndex, name: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { advisory } of lookUp(index, [{ ecosystem: 'PyPI', name }])) ids.push(advisory.id);
  return ids.sort();
}

test('finds a package by its normalised name', async (t) => {
  const { set, cache } = await folders(t);
  await putRecord(set, 'A-1', 'Zope.Interface');
  const index = await openAdvisoryIndex(set, cache);
  t.deepEqual(await idsOf(index, 'zope-interface'), ['A-1']);
  t.deepEqual(await idsOf(index, 'zope'), []);
});

test('leaves out withdrawn records and counts what is no record', async (t) => {
  const { set, cache } = await folders(t);
  await putRecord(set, 'A-1', 'left');
  await putRecord(set, 'A-2', 'left', { withdrawn: '2026-02-01T00:00:00Z' });
  await writeFile(path.join(set, 'broken.json'), '{');
  const index = await openAdvisoryIndex(set, cache);
  t.deepEqual(await idsOf(index, 'left'), ['A-1']);
  t.is(index.advisories, 1);
  t.is(index.unreadable, 1);
});

test('is built once for each state of the set', async (t) => {
  const { set, cache } = await folders(t);
  await putRecord(set, 'A-1', 'left');
  const first = await openAdvisoryIndex(set, cache);
  t.is((await openAdvisoryIndex(set, cache)).folder, first.folder);
  await putRecord(set, 'A-2', 'left');
  const second = await openAdvisoryIndex(set, cache);
  t.not(second.folder, first.folder);
  t.deepEqual(await idsOf(second, 'left'), ['A-1', 'A-2']);
  t.deepEqual(await idsOf(first, 'left'), ['A-1'], 'a reader of the old state is not disturbed');
});

test('removes an index that was replaced a day ago', async (t) => {
  const { set, cache } = await folders(t);
  await putRecord(set, 'A-1', 'left');
  const first = await openAdvisoryIndex(set, cache);
  const dayBeforeYesterday = new Date(Date.now() - 48 * 60 * 60 * 1000);
  await utimes(first.folder, dayBeforeYesterday, dayBeforeYesterday);
  await putRecord(set, 'A-2', 'left');
  const second = await openAdvisoryIndex(set, cache);
  t.deepEqual(await readdir(cache), [path.basename(second.folder)]);
});

test('is built anew when it is damaged', async (t) => {
  const { set, cache } = await folders(t);
  await putRecord(set, 'A-1', 'left');
  const { folder } = await openAdvisoryIndex(set, cache);
  for (const damage of [
    () => rm(path.join(folder, '00.ndjson')),
    () => appendFile(path.join(folder, 'ff.ndjson'), 'garbage'),
    () => writeFile(path.join(folder, 'manifest.json'), '{'),
    () => rm(path.join(folder, 'manifest.json')),
  ]) {
    await damage();
    t.deepEqual(await idsOf(await openAdvisoryIndex(set, cache), 'left'), ['A-1']);
  }
});

test('is whole for each of those that build it at once', async (t) => {
  const { set, cache } = await folders(t);
  for (let number = 0; number < 50; number += 1) await putRecord(set, `A-${number}`, `p${number}`);
  const indexes = await Promise.all(Array.from({ length: 8 }, () => openAdvisoryIndex(set, cache)));
  for (const index of indexes) t.deepEqual(await idsOf(index, 'p7'), ['A-7']);
  t.is((await readdir(cache)).length, 1, 'no unfinished folder is left');
});
