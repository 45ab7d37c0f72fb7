import { setTimeout as delay } from 'node:timers/promises';
import type { EndedScans, EndedScansCommand } from '../ports/scan-repository.ts';
import type { SystemPorts } from './system-ports.ts';

export interface RetentionPolicy {
  /** Milliseconds for which a scan is kept after its end. */
  readonly retentionMs: number;
  /** Scans, or rows of their runs, in one transaction. */
  readonly batchSize: number;
  /** Milliseconds between two transactions, in which others work. */
  readonly pauseMs: number;
}

/** What was removed, also where the end was an error. */
export class RetentionTally {
  scans = 0;
  /** As the scans counted them. */
  findings = 0;
  /** Transactions that looked for scans to remove. */
  batches = 0;
  /** Milliseconds of the longest of them: how long a scan was locked at most. */
  longestBatchMs = 0;

  async batch(work: () => Promise<EndedScans>): Promise<EndedScans> {
    const startedAt = performance.now();
    const ended = await work();
    this.scans += ended.scans;
    this.findings += ended.findings;
    this.batches += 1;
    this.longestBatchMs = Math.max(this.longestBatchMs, performance.now() - startedAt);
    return ended;
  }
}

type RetentionPorts = Pick<SystemPorts, 'scope' | 'system' | 'clock'>;

/**
 * Removes every scan that ended longer ago than scans are kept, oldest first, and then what its runs held. Each transaction is
 * short and whole, so that it may stop anywhere: the next call goes on. Any number may work at once.
 *
 * @throws the reason of the signal, or an AbortError for it, once the transaction at work has ended
 */
export async function enforceRetention(
  ports: RetentionPorts,
  policy: RetentionPolicy,
  tally: RetentionTally,
  signal: AbortSignal,
): Promise<void> {
  const { scope, system } = ports;
  const pause = (): Promise<void> => delay(policy.pauseMs, undefined, { signal });
  const collect = async (): Promise<void> => {
    while ((await system.collectDiscarded(scope, policy.batchSize)) >= policy.batchSize) await pause();
  };
  // What a run before this one left, where it was stopped.
  await collect();
  await forEachBatch(ports, policy, signal, async (command) => {
    await pause();
    const removed = await tally.batch(() => system.removeEnded(scope, command));
    if (removed.scans > 0) await collect();
    return removed;
  });
}

/** What {@link enforceRetention} would remove now. */
export async function previewRetention(ports: RetentionPorts, policy: RetentionPolicy, signal: AbortSignal): Promise<RetentionTally> {
  const tally = new RetentionTally();
  await forEachBatch(ports, policy, signal, (command) => tally.batch(() => ports.system.findEnded(ports.scope, command)));
  return tally;
}

/** Month by month, as scans are partitioned: a batch never touches two partitions. */
async function forEachBatch(
  { scope, system, clock }: RetentionPorts,
  { retentionMs, batchSize }: RetentionPolicy,
  signal: AbortSignal,
  work: (command: EndedScansCommand) => Promise<EndedScans>,
): Promise<void> {
  const at = clock.now();
  const before = new Date(at.getTime() - retentionMs);
  const months = await system.partitionMonths(scope);
  for (const month of months.filter((first) => first < before)) {
    let after: string | null = null;
    do {
      signal.throwIfAborted();
      const { next } = await work({ month, before, after, limit: batchSize, at });
      after = next;
    } while (after !== null);
  }
}
