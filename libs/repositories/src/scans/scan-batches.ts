import type { Scope } from '@cloudscan/auth';
import type { Statement, Transaction } from '@cloudscan/database';
import { isTerminal } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import { toJson } from '../text.ts';
import { enterActive, isActive, leaveActive } from './active-scans.ts';
import { eventsJson, mutableColumns, scanColumns, scanKey, toScan } from './scan-rows.ts';
import type { ScanRow } from './scan-rows.ts';
import { insertEvents, organizationOf } from './scan-store.ts';
import type { Change } from './transitions.ts';

/*
 * Many scans in a number of statements that does not grow with them. Each statement works on one month of ids and names that
 * month by scalar bounds, since an array of `created_at` would not prune.
 */

/** What is to become of a locked scan. */
export interface ScanChange {
  readonly before: Scan;
  readonly change: Change;
}

const lockStatement: Statement = {
  name: 'lock-scans',
  text: `SELECT ${scanColumns} FROM scans
    WHERE id = ANY($1) AND created_at >= $2 AND created_at < $3 AND ($4::uuid IS NULL OR organization_id = $4)
    ORDER BY id FOR NO KEY UPDATE`,
};

/**
 * Those of the scans that exist, locked until the transaction ends. Always in the order of their ids, so that two batches
 * that meet wait for each other and do not deadlock: months follow each other as ids do, and rows are locked as they are sorted.
 */
export async function lockScans(transaction: Transaction, scope: Scope, ids: readonly string[]): Promise<readonly Scan[]> {
  const keys = ids.flatMap((id) => {
    const key = scanKey(id);
    return key === null ? [] : [{ id, createdAt: key[1] }];
  });
  const locked: Scan[] = [];
  for (const { of, from, to } of byMonth(keys)) {
    const { rows } = await transaction.query<ScanRow>(lockStatement, [of.map(({ id }) => id), from, to, organizationOf(scope)]);
    locked.push(...rows.map(toScan));
  }
  return locked;
}

const discardStatement: Statement = {
  name: 'discard-runs-of-scans',
  text: `INSERT INTO discarded_runs (scan_id, run_id, scan_created_at, organization_id, created_at)
    SELECT run.scan_id, run.run_id, run.scan_created_at, run.organization_id, scan.at
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS scan (id, accepted_run_id, at)
    JOIN scan_runs AS run ON run.scan_id = scan.id AND run.run_id IS DISTINCT FROM scan.accepted_run_id
    WHERE run.scan_created_at >= $4 AND run.scan_created_at < $5
    ON CONFLICT DO NOTHING`,
};

/** Writes the changes of locked scans as `saveScan` does that of one. */
export async function saveScans(transaction: Transaction, changes: readonly ScanChange[]): Promise<void> {
  for (const month of byMonth(changes.map((change) => ({ ...change, createdAt: change.before.createdAt })))) {
    await saveMonth(transaction, month);
  }
  const leaving = changes.filter(({ before, change }) => isActive(before) && !isActive(change.scan));
  await leaveActive(
    transaction,
    leaving.map(({ before }) => before),
  );
  const entering = changes.filter(({ before, change }) => isActive(change.scan) && change.scan.attempt !== before.attempt);
  await enterActive(
    transaction,
    entering.map(({ change }) => change.scan),
  );
}

async function saveMonth(transaction: Transaction, { of, from, to }: Month<ScanChange>): Promise<void> {
  const rows = of.map(({ before: { id, createdAt, organizationId }, change: { scan } }) => ({
    ...{ id, created_at: createdAt, organization_id: organizationId },
    ...mutableColumns(scan, asItIs),
  }));
  const assignments = Object.keys(mutableColumns(of[0]!.before)).map((name) => `${name} = next.${name}`);
  const text = `WITH scan AS (
      UPDATE scans SET ${assignments.join(', ')}
      FROM jsonb_populate_recordset(NULL::scans, $2) AS next
      JOIN unnest($3::uuid[], $4::text[], $5::integer[], $6::integer[]) AS before (id, status, attempt, event_sequence) ON before.id = next.id
      WHERE scans.id = next.id AND scans.created_at = next.created_at AND scans.created_at >= $7 AND scans.created_at < $8
        AND scans.organization_id = next.organization_id AND scans.status = before.status AND scans.attempt = before.attempt
        AND scans.event_sequence = before.event_sequence
      RETURNING scans.id, scans.created_at, scans.organization_id
    ), logged AS (${insertEvents})
    SELECT FROM scan`;
  const { rowCount } = await transaction.query({ name: 'save-scans', text }, [
    ...[eventsJson(of.flatMap(({ change }) => change.events)), toJson(rows)],
    of.map(({ before }) => before.id),
    of.map(({ before }) => before.status),
    of.map(({ before }) => before.attempt),
    of.map(({ before }) => before.sequence),
    ...[from, to],
  ]);
  if (rowCount !== of.length) throw new Error(`${of.length - rowCount} scans were changed under their locks`);
  const over = of.filter(({ before, change: { scan } }) => isTerminal(scan.status) || scan.attempt !== before.attempt);
  if (over.length === 0) return;
  await transaction.query(discardStatement, [
    over.map(({ before }) => before.id),
    over.map(({ change }) => change.scan.acceptedRunId),
    over.map(({ change }) => change.scan.updatedAt),
    ...[from, to],
  ]);
}

function asItIs(value: object | null): unknown {
  return value;
}

interface Month<T> {
  readonly of: readonly T[];
  readonly from: Date;
  readonly to: Date;
}

/** Oldest first. */
function byMonth<T extends { readonly createdAt: Date }>(items: readonly T[]): readonly Month<T>[] {
  const months = Map.groupBy(items, ({ createdAt }) => Date.UTC(createdAt.getUTCFullYear(), createdAt.getUTCMonth()));
  return [...months]
    .toSorted(([a], [z]) => a - z)
    .map(([start, of]) => {
      const from = new Date(start);
      return { of, from, to: new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1)) };
    });
}
