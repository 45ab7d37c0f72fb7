import type { CleanerRun } from '@cloudscan/orchestration';
import { newId, testDatabase } from '@cloudscan/testing';
import test from 'ava';
import { PgCleanerRunRepository } from '../src/index.ts';
import { system } from './support.ts';

const start = new Date('2031-06-15T02:00:00Z');

/** Runs follow each other day by day and take 90 s. */
function run(day: number, overrides: Partial<CleanerRun> = {}): CleanerRun {
  const startedAt = new Date(start.getTime() + day * 86_400_000);
  const endedAt = new Date(startedAt.getTime() + 90_000);
  return { id: newId(), startedAt, endedAt, outcome: 'succeeded', scans: 3, findings: 10, batches: 2, longestBatchMs: 12.5, ...overrides };
}

test('before the first run there is nothing to tell; after it, its end, its duration and what all runs removed', async (t) => {
  const { database } = await testDatabase(t);
  const runs = new PgCleanerRunRepository(database);
  t.deepEqual(await runs.statistics(system), { last: null, lastSuccessAt: null, scans: 0, findings: 0 });
  const [first, second] = [run(0), run(1, { outcome: 'failed', scans: 1, findings: 0 })];
  await runs.record(system, first);
  await runs.record(system, second);
  t.deepEqual(await runs.statistics(system), {
    ...{ last: { endedAt: second.endedAt, durationMs: 90_000 }, lastSuccessAt: first.endedAt },
    ...{ scans: 4, findings: 10 },
  });
});

test('a hundred runs are kept, and the last that succeeded; what was removed before them still counts', async (t) => {
  const { database, query } = await testDatabase(t);
  const runs = new PgCleanerRunRepository(database);
  const last = run(1);
  await runs.record(system, run(0));
  await runs.record(system, last);
  for (let day = 2; day < 105; day += 1) await runs.record(system, run(day, { outcome: 'interrupted' }));
  t.is((await query('SELECT FROM cleaner_runs')).length, 101);
  t.like(await runs.statistics(system), { lastSuccessAt: last.endedAt, scans: 315, findings: 1050 });
});

test('runs that end at the same moment count on from each other', async (t) => {
  const { database } = await testDatabase(t);
  const runs = new PgCleanerRunRepository(database);
  await Promise.all(Array.from({ length: 8 }, () => runs.record(system, run(0))));
  t.like(await runs.statistics(system), { scans: 24, findings: 80 });
});
