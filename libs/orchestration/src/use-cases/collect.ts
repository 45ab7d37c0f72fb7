import { scopeOf } from '@cloudscan/auth';
import type { DeleteArtifactsMessage } from '../ports/scan-queue.ts';
import type { StorageClient } from '../ports/storage-client.ts';
import type { SystemPorts } from './system-ports.ts';

const batchSize = 1000;
/** Partitions are made for this month and the three after it. */
const partitionMonths = 4;

type PartitionPorts = Pick<SystemPorts, 'scope' | 'system' | 'clock'>;

/** Fails the pending scans that nobody started for `ttlMs` milliseconds; their uploads are deleted by queue. Answers how many. */
export async function expirePendingScans(
  { scope, system, events, clock }: SystemPorts,
  ttlMs: number,
  signal: AbortSignal,
): Promise<number> {
  const at = clock.now();
  const before = new Date(at.getTime() - ttlMs);
  return untilLessThanABatch(signal, async () => {
    const expired = await system.expirePending(scope, { before, limit: batchSize, at });
    for (const { id, organizationId, sequence } of expired) events.publish({ organizationId, scanId: id, sequence });
    return expired.length;
  });
}

/** Deletes the rows of runs that no scan counts. Answers how many. */
export async function collectDiscardedRuns({ scope, system }: SystemPorts, signal: AbortSignal): Promise<number> {
  return untilLessThanABatch(signal, () => system.collectDiscarded(scope, batchSize));
}

/** Makes the partitions of this month and the next ones where missing. Answers the names of the new ones. */
export async function ensurePartitions({ scope, system, clock }: PartitionPorts): Promise<readonly string[]> {
  return system.ensurePartitions(scope, clock.now(), partitionMonths);
}

/** What {@link ensurePartitions} would make. */
export async function missingPartitions({ scope, system, clock }: PartitionPorts): Promise<readonly string[]> {
  return system.missingPartitions(scope, clock.now(), partitionMonths);
}

/**
 * Deletes the artifacts of a scan that the message does not keep. Idempotent. Answers how many were there.
 *
 * @throws unavailable when storage cannot be reached: the queue tries again
 */
export async function deleteArtifactsOfScan(
  storage: StorageClient,
  { organizationId, scanId, type, keep }: DeleteArtifactsMessage,
  signal: AbortSignal,
): Promise<number> {
  const scope = scopeOf({ organizationId, actor: 'sweeper' });
  let deleted = 0;
  let pageToken: string | null = null;
  do {
    signal.throwIfAborted();
    const page = await storage.listArtifacts(scope, { scanId, type, pageSize: batchSize, pageToken });
    const ids = page.artifacts.map(({ id }) => id).filter((id) => !keep.includes(id));
    if (ids.length > 0) deleted += await storage.deleteArtifacts(scope, ids);
    pageToken = page.nextPageToken;
  } while (pageToken !== null);
  return deleted;
}

async function untilLessThanABatch(signal: AbortSignal, work: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    signal.throwIfAborted();
    const count = await work();
    total += count;
    if (count < batchSize) return total;
  }
}
