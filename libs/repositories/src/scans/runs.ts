import { createHash } from 'node:crypto';
import { formatUuid } from '@cloudscan/domain';
import type { Scan, SeverityCounts } from '@cloudscan/domain';
import type { Transaction } from '@cloudscan/database';

/**
 * The run of a runner that names none: one for each attempt, so that its batches fall into the same run whenever they come.
 * A UUIDv5 (RFC 9562 section 5.5) with the scan as its name space and `attempt-<n>` as its name.
 */
export function runOfAttempt(scanId: string, attempt: number): string {
  const namespace = Buffer.from(scanId.replaceAll('-', ''), 'hex');
  const bytes = createHash('sha1').update(namespace).update(`attempt-${attempt}`).digest().subarray(0, 16);
  bytes[6] = 0x50 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return formatUuid(bytes);
}

/** What the rows of a run hold of their scan. */
export type RunScan = Pick<Scan, 'id' | 'createdAt' | 'organizationId' | 'attempt'>;

const openRunStatement = {
  name: 'open-run',
  text: `INSERT INTO scan_runs (scan_id, run_id, scan_created_at, organization_id, attempt, created_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (scan_id, run_id, scan_created_at) DO UPDATE SET attempt = scan_runs.attempt
    RETURNING attempt`,
};

/** Makes the run where it is missing. False when that run belongs to another attempt. The scan's row must be locked. */
export async function openRun(transaction: Transaction, scan: RunScan, runId: string, at: Date): Promise<boolean> {
  const { rows } = await transaction.query<{ attempt: number }>(openRunStatement, [
    scan.id,
    runId,
    scan.createdAt,
    scan.organizationId,
    scan.attempt,
    at,
  ]);
  return rows[0]!.attempt === scan.attempt;
}

const countersStatement = {
  name: 'run-counters',
  text: `SELECT critical_count AS critical, high_count AS high, medium_count AS medium, low_count AS low, info_count AS info
    FROM scan_runs WHERE scan_id = $1 AND run_id = $2 AND scan_created_at = $3 AND organization_id = $4`,
};

/** What the run holds, in constant time. */
export async function runCounters(transaction: Transaction, scan: RunScan, runId: string): Promise<SeverityCounts> {
  const { rows } = await transaction.query<SeverityCounts>(countersStatement, [scan.id, runId, scan.createdAt, scan.organizationId]);
  return rows[0]!;
}

const discardStatement = {
  name: 'discard-runs',
  text: `INSERT INTO discarded_runs (scan_id, run_id, scan_created_at, organization_id, created_at)
    SELECT scan_id, run_id, scan_created_at, organization_id, $5 FROM scan_runs
    WHERE scan_id = $1 AND scan_created_at = $2 AND organization_id = $3 AND run_id IS DISTINCT FROM $4
    ON CONFLICT DO NOTHING`,
};

/** Hands every run of a scan but one to the collector. */
export async function discardRuns(transaction: Transaction, scan: Scan, except: string | null, at: Date): Promise<void> {
  await transaction.query(discardStatement, [scan.id, scan.createdAt, scan.organizationId, except, at]);
}
