import test from 'ava';
import { identifyProcess } from '@cloudscan/process';
import { findRunProcesses, readProcessTable } from './process-table.ts';
import type { ProcessEntry } from './process-table.ts';

function entry(pid: number, parentPid: number, groupId: number, workingDirectory = '/'): ProcessEntry {
  return { pid, parentPid, groupId, startedAt: `at ${pid}`, residentBytes: () => 0, workingDirectory: () => workingDirectory };
}

const runner = { pid: 100, startedAt: 'at 100' };
const nothingKnown = { runner, known: [], workDir: null };

function pidsOf(table: readonly ProcessEntry[], run: Parameters<typeof findRunProcesses>[1]): readonly number[] {
  return findRunProcesses(table, run)
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b);
}

test('a run is its group and what descends from it, in whatever group', (t) => {
  const table = [entry(1, 0, 1), entry(100, 50, 100), entry(101, 100, 100), entry(102, 101, 102), entry(103, 102, 102), entry(50, 1, 50)];
  t.deepEqual(pidsOf(table, nothingKnown), [100, 101, 102, 103]);
});

test('a member of the group counts after the runner has died', (t) => {
  t.deepEqual(pidsOf([entry(101, 1, 100), entry(200, 1, 200)], nothingKnown), [101]);
});

test('a known process counts after its parent has died, unless its number is another process by now', (t) => {
  const table = [entry(102, 1, 102), entry(103, 1, 103)];
  const known = [
    { pid: 102, startedAt: 'at 102' },
    { pid: 103, startedAt: 'before' },
  ];
  t.deepEqual(pidsOf(table, { ...nothingKnown, known }), [102]);
});

test("a process that has the runner's number but is not it is left alone, with its children", (t) => {
  const table = [{ ...entry(100, 1, 100), startedAt: 'later' }, entry(101, 100, 100)];
  t.deepEqual(pidsOf(table, nothingKnown), []);
});

test('whatever works in the folder counts, also when the folder is gone, and its neighbours do not', (t) => {
  const table = [
    entry(1, 0, 1, '/w/scan-1'),
    entry(2, 0, 2, '/w/scan-1/deep/src'),
    entry(3, 0, 3, '/w/scan-1 (deleted)'),
    entry(4, 0, 4, '/w/scan-10'),
    entry(5, 0, 5, '/w'),
  ];
  t.deepEqual(pidsOf(table, { runner: null, known: [], workDir: '/w/scan-1' }), [1, 2, 3]);
});

test('the table holds this process under the identity that it is known by', async (t) => {
  const own = (await readProcessTable()).find(({ pid }) => pid === process.pid);
  t.is(own?.startedAt, identifyProcess(process.pid)?.startedAt);
  t.is(own?.parentPid, process.ppid);
  t.true(own!.residentBytes() > 10_000_000);
  if (process.platform === 'linux') t.is(own?.workingDirectory(), process.cwd());
});
