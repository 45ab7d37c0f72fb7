import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import type { Artifact } from '@cloudscan/domain';
import type { ScanSignal } from '../ports/scan-events.ts';
import type { ExpirePendingCommand } from '../ports/scan-repository.ts';
import type { StorageClient } from '../ports/storage-client.ts';
import { collectDiscardedRuns, deleteArtifactsOfScan, ensurePartitions, expirePendingScans } from './collect.ts';
import type { SystemPorts } from './system-ports.ts';

const now = new Date('2026-01-15T12:00:00Z');
const signal = new AbortController().signal;

function ports(system: Partial<SystemPorts['system']>, signals: ScanSignal[] = []): SystemPorts {
  return {
    scope: systemScope('test'),
    clock: { now: () => now },
    events: { publish: (published: ScanSignal) => void signals.push(published) },
    system,
  } as unknown as SystemPorts;
}

test('pending scans older than their time expire batch by batch, and their watchers are told', async (t) => {
  const commands: ExpirePendingCommand[] = [];
  const signals: ScanSignal[] = [];
  const batches = [1000, 3];
  const expirePending = async (_scope: unknown, command: ExpirePendingCommand) => {
    commands.push(command);
    return Array.from({ length: batches.shift()! }, (_, index) => ({ id: `scan ${index}`, organizationId: 'organization', sequence: 2 }));
  };
  t.is(await expirePendingScans(ports({ expirePending }, signals), 60_000, signal), 1003);
  t.deepEqual(
    commands,
    [1, 2].map(() => ({ before: new Date(now.getTime() - 60_000), limit: 1000, at: now })),
  );
  t.is(signals.length, 1003);
  t.deepEqual(signals[0], { organizationId: 'organization', scanId: 'scan 0', sequence: 2 });
});

test('discarded rows are collected until a batch is not full, and no longer than the signal allows', async (t) => {
  const batches = [1000, 1000, 0];
  t.is(await collectDiscardedRuns(ports({ collectDiscarded: async () => batches.shift()! }), signal), 2000);
  const abort = new AbortController();
  const endless = ports({
    collectDiscarded: async () => {
      abort.abort();
      return 1000;
    },
  });
  await t.throwsAsync(collectDiscardedRuns(endless, abort.signal), { name: 'AbortError' });
});

test('partitions are made for this month and the three after it', async (t) => {
  const calls: unknown[] = [];
  await ensurePartitions(ports({ ensurePartitions: async (_scope, from, months) => (calls.push({ from, months }), []) }));
  t.deepEqual(calls, [{ from: now, months: 4 }]);
});

/** Pages are offsets into what there was when the listing began, as a keyset would have it. */
function storageOf(ids: readonly string[], pageSize: number): { readonly left: Set<string>; readonly storage: StorageClient } {
  const left = new Set(ids);
  const storage = {
    listArtifacts: async (_scope: unknown, { pageToken }: { pageToken: string | null }) => {
      const from = Number(pageToken ?? 0);
      const page = ids.slice(from, from + pageSize).filter((id) => left.has(id));
      return {
        artifacts: page.map((id) => ({ id }) as Artifact),
        nextPageToken: from + pageSize < ids.length ? String(from + pageSize) : null,
        totalCount: left.size,
      };
    },
    deleteArtifacts: async (_scope: unknown, given: readonly string[]) => given.filter((id) => left.delete(id)).length,
  };
  return { left, storage: storage as unknown as StorageClient };
}

test('the artifacts that a scan does not keep are deleted, page by page, and once more does nothing', async (t) => {
  const { storage, left } = storageOf(['a', 'b', 'c', 'd', 'e'], 2);
  const message = { organizationId: 'organization', scanId: 'scan', type: null, keep: ['b', 'e'] };
  t.is(await deleteArtifactsOfScan(storage, message, signal), 3);
  t.deepEqual([...left], ['b', 'e']);
  t.is(await deleteArtifactsOfScan(storage, message, signal), 0);
});
