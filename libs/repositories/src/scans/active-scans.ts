import type { Statement, Transaction } from '@cloudscan/database';
import type { Scan } from '@cloudscan/domain';

const enterStatement: Statement = {
  name: 'enter-active-scans',
  text: `INSERT INTO active_scans (scan_id, scan_created_at, organization_id, attempt, priority, queued_at)
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::integer[], $5::integer[], $6::timestamptz[])
    ON CONFLICT (scan_id) DO UPDATE SET attempt = excluded.attempt, queued_at = excluded.queued_at, admitted_at = NULL`,
};

const leaveStatement: Statement = { name: 'leave-active-scans', text: 'DELETE FROM active_scans WHERE scan_id = ANY($1)' };

/** Whether the scan has a row in active_scans. */
export function isActive(scan: Scan): boolean {
  return scan.status === 'queued' || scan.status === 'running';
}

/** Puts scans into the queue, for the first attempt or the next. Their rows must be locked, or new. */
export async function enterActive(transaction: Transaction, scans: readonly Scan[]): Promise<void> {
  if (scans.length === 0) return;
  await transaction.query(enterStatement, [
    scans.map(({ id }) => id),
    scans.map(({ createdAt }) => createdAt),
    scans.map(({ organizationId }) => organizationId),
    scans.map(({ attempt }) => attempt),
    scans.map(({ priority }) => priority),
    scans.map(({ queuedAt }) => queuedAt),
  ]);
}

export async function leaveActive(transaction: Transaction, scans: readonly Scan[]): Promise<void> {
  if (scans.length > 0) await transaction.query(leaveStatement, [scans.map(({ id }) => id)]);
}
