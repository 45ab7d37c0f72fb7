import type { Statement, Transaction } from '@cloudscan/database';
import type { EndedScans, EndedScansCommand } from '@cloudscan/orchestration';
import type { TransactionalJobs } from '../transactional-jobs.ts';

interface EndedRow {
  readonly id: string;
  readonly organization_id: string;
  readonly findings_count: number;
}

/*
 * A batch is one range of one partition's primary key: ids of version 7 sort by the moment that they were made at, and the month
 * is a scalar on both sides. The constraint scans_completed_at_fits_status keeps what is active from having ended; the states are
 * named all the same, since nothing may ever remove a scan that runs.
 */
const selectEnded = `SELECT id, organization_id, findings_count FROM scans
    WHERE created_at >= $1 AND created_at < $2 AND id > $3 AND completed_at < $4 AND status IN ('completed', 'failed', 'cancelled')
    ORDER BY id LIMIT $5`;

const findStatement: Statement = { name: 'find-ended-scans', text: selectEnded };
// Two cleaners at once take different scans, and neither waits for who works on one.
const takeStatement: Statement = { name: 'take-ended-scans', text: `${selectEnded} FOR UPDATE SKIP LOCKED` };

const removeStatement: Statement = {
  name: 'remove-ended-scans',
  text: `WITH runs AS (
      INSERT INTO discarded_runs (scan_id, run_id, scan_created_at, organization_id, created_at)
      SELECT scan_id, run_id, scan_created_at, organization_id, $4 FROM scan_runs
      WHERE scan_id = ANY($1) AND scan_created_at >= $2 AND scan_created_at < $3
      ON CONFLICT DO NOTHING
    ), events AS (
      DELETE FROM scan_events WHERE scan_id = ANY($1) AND scan_created_at >= $2 AND scan_created_at < $3
    )
    DELETE FROM scans WHERE id = ANY($1) AND created_at >= $2 AND created_at < $3`,
};

/** Behind whatever else wants its tables for long, a batch gives up; the next run takes it. */
const timeLimits = `SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '30s'`;
const firstId = '00000000-0000-0000-0000-000000000000';

/** The next scans of a month that ended before a moment. */
export async function findEnded(transaction: Transaction, command: EndedScansCommand): Promise<EndedScans> {
  return summary(await select(transaction, findStatement, command), command);
}

/** Removes them. Their findings may be very many: they go with their runs, in batches of their own, by the collector. */
export async function removeEnded(transaction: Transaction, jobs: TransactionalJobs, command: EndedScansCommand): Promise<EndedScans> {
  await transaction.query(timeLimits);
  const rows = await select(transaction, takeStatement, command);
  if (rows.length > 0) {
    const { month, at } = command;
    await transaction.query(removeStatement, [rows.map(({ id }) => id), month, nextMonth(month), at]);
    await jobs.send(
      transaction,
      rows.map(({ id, organization_id: organizationId }) => ({
        queue: 'delete-artifacts',
        message: { organizationId, scanId: id, type: null, keep: [] },
      })),
    );
  }
  return summary(rows, command);
}

async function select(
  transaction: Transaction,
  statement: Statement,
  { month, before, after, limit }: EndedScansCommand,
): Promise<readonly EndedRow[]> {
  // No scan ends before it was created.
  const until = new Date(Math.min(nextMonth(month).getTime(), before.getTime()));
  const { rows } = await transaction.query<EndedRow>(statement, [month, until, after ?? firstId, before, limit]);
  return rows;
}

function summary(rows: readonly EndedRow[], { limit }: EndedScansCommand): EndedScans {
  return {
    scans: rows.length,
    findings: rows.reduce((sum, { findings_count: count }) => sum + count, 0),
    next: rows.length < limit ? null : rows.at(-1)!.id,
  };
}

function nextMonth(month: Date): Date {
  return new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1));
}
