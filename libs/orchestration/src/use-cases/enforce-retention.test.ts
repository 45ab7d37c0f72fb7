import { systemScope } from '@cloudscan/auth';
import test from 'ava';
import type { EndedScans, EndedScansCommand } from '../ports/scan-repository.ts';
import { enforceRetention, previewRetention, RetentionTally } from './enforce-retention.ts';
import type { SystemPorts } from './system-ports.ts';

const now = new Date('2026-06-15T12:00:00Z');
const before = new Date('2026-05-16T12:00:00Z');
const policy = { retentionMs: now.getTime() - before.getTime(), batchSize: 2, pauseMs: 0 };
const signal = new AbortController().signal;
const months = ['2026-03', '2026-04', '2026-05', '2026-06', '2026-07'].map((month) => new Date(`${month}-01T00:00:00Z`));
const nothing: EndedScans = { scans: 0, findings: 0, next: null };

interface Double {
  readonly ports: SystemPorts;
  readonly calls: string[];
}

/** Answers the batches of each month in turn, and then that it holds no more. */
function double(batches: Readonly<Record<string, readonly EndedScans[]>>, discarded: readonly number[] = []): Double {
  const calls: string[] = [];
  const left = new Map(Object.entries(batches).map(([month, ended]) => [month, [...ended]]));
  const rows = [...discarded];
  const answer =
    (name: string) =>
    async (_scope: unknown, { month, before: until, after, limit, at }: EndedScansCommand): Promise<EndedScans> => {
      const key = month.toISOString().slice(0, 7);
      calls.push(`${name} ${key} after ${after}`);
      if (until.getTime() !== before.getTime() || limit !== policy.batchSize || at !== now) throw new Error('asked for something else');
      return left.get(key)?.shift() ?? nothing;
    };
  const system = {
    partitionMonths: async () => months,
    removeEnded: answer('remove'),
    findEnded: answer('find'),
    collectDiscarded: async (_scope: unknown, limit: number) => {
      calls.push(`collect ${limit}`);
      return rows.shift() ?? 0;
    },
  };
  return { calls, ports: { scope: systemScope('test'), clock: { now: () => now }, system } as unknown as SystemPorts };
}

test('months that began before the time is up are gone through, oldest first, batch after batch', async (t) => {
  const { ports, calls } = double({
    '2026-03': [{ scans: 2, findings: 9, next: 'b' }],
    '2026-05': [
      { scans: 2, findings: 4, next: 'd' },
      { scans: 1, findings: 1, next: null },
    ],
  });
  const tally = new RetentionTally();
  await enforceRetention(ports, policy, tally, signal);
  t.like(tally, { scans: 5, findings: 14, batches: 5 });
  t.deepEqual(
    calls.filter((call) => call.startsWith('remove')),
    [
      'remove 2026-03 after null',
      'remove 2026-03 after b',
      'remove 2026-04 after null',
      'remove 2026-05 after null',
      'remove 2026-05 after d',
    ],
  );
});

test('what runs held goes before more is removed, and what an earlier call left goes first', async (t) => {
  const { ports, calls } = double({ '2026-03': [{ scans: 1, findings: 3, next: null }] }, [2, 2, 1, 2, 0]);
  await enforceRetention(ports, policy, new RetentionTally(), signal);
  t.deepEqual(calls, [
    ...['collect 2', 'collect 2', 'collect 2'],
    ...['remove 2026-03 after null', 'collect 2', 'collect 2'],
    ...['remove 2026-04 after null', 'remove 2026-05 after null'],
  ]);
});

test('a signal ends it between two transactions, and the tally holds what was done', async (t) => {
  const { ports, calls } = double({ '2026-03': [{ scans: 2, findings: 1, next: 'b' }] });
  const stop = new AbortController();
  const { removeEnded } = ports.system;
  const stopping: SystemPorts['system'] = {
    ...ports.system,
    removeEnded: async (scope, command) => {
      stop.abort();
      return removeEnded(scope, command);
    },
  };
  const tally = new RetentionTally();
  await t.throwsAsync(enforceRetention({ ...ports, system: stopping }, policy, tally, stop.signal), { name: 'AbortError' });
  t.like(tally, { scans: 2, findings: 1, batches: 1 });
  t.deepEqual(calls.filter((call) => call.startsWith('remove')).length, 1);
});

test('a preview goes through the same and removes nothing', async (t) => {
  const { ports, calls } = double({ '2026-04': [{ scans: 2, findings: 7, next: 'b' }] });
  t.like(await previewRetention(ports, policy, signal), { scans: 2, findings: 7 });
  t.deepEqual(calls, ['find 2026-03 after null', 'find 2026-04 after null', 'find 2026-04 after b', 'find 2026-05 after null']);
});
