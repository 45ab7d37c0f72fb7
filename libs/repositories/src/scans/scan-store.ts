import type { Scope } from '@cloudscan/auth';
import type { Statement, Transaction } from '@cloudscan/database';
import { isTerminal } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import { enterActive, isActive, leaveActive } from './active-scans.ts';
import { holdPlace } from './held-places.ts';
import { discardRuns } from './runs.ts';
import { eventsJson, fixedColumns, mutableColumns, scanColumns, scanKey, toScan } from './scan-rows.ts';
import type { ScanRow } from './scan-rows.ts';
import type { Change } from './transitions.ts';

/** Null for the system, which every organization's rows are open to. */
export function organizationOf(scope: Scope): string | null {
  return scope.kind === 'organization' ? scope.organizationId : null;
}

const byId = `FROM scans WHERE id = $1 AND created_at = $2 AND ($3::uuid IS NULL OR organization_id = $3)`;
const readStatement: Statement = { name: 'read-scan', text: `SELECT ${scanColumns} ${byId}` };
const lockStatement: Statement = { name: 'lock-scan', text: `SELECT ${scanColumns} ${byId} FOR NO KEY UPDATE` };

/** One index probe in one partition, since the id names its month. */
export async function readScan(transaction: Transaction, scope: Scope, id: string): Promise<Scan | null> {
  return probe(transaction, readStatement, scope, id);
}

/**
 * The scan as it stands, with its row locked until the transaction ends: the mutex of everything that belongs to one scan.
 * The order of locks is always scan, then admission; who holds the admission lock never waits for a scan.
 */
export async function lockScan(transaction: Transaction, scope: Scope, id: string): Promise<Scan | null> {
  return probe(transaction, lockStatement, scope, id);
}

async function probe(transaction: Transaction, statement: Statement, scope: Scope, id: string): Promise<Scan | null> {
  const key = scanKey(id);
  if (key === null) return null;
  const { rows } = await transaction.query<ScanRow>(statement, [...key, organizationOf(scope)]);
  return rows[0] === undefined ? null : toScan(rows[0]);
}

/** Of the scans in the expression `scan`; $1 is {@link eventsJson}. */
export const insertEvents = `INSERT INTO scan_events (scan_id, sequence, scan_created_at, organization_id, type, from_status, to_status, attempt, actor, message, progress, failure_reason, created_at)
  SELECT scan.id, event.sequence, scan.created_at, scan.organization_id, event.type, event.from_status, event.to_status, event.attempt,
    event.actor, event.message, event.progress, event.failure_reason, event.created_at
  FROM scan JOIN jsonb_to_recordset($1) AS event (scan_id uuid, sequence integer, type text, from_status text, to_status text, attempt integer,
    actor text, message text, progress jsonb, failure_reason text, created_at timestamptz) ON event.scan_id = scan.id`;

/** Writes a new scan with its events, and its place in the queue where it has one. */
export async function insertScan(transaction: Transaction, { scan, events }: Change): Promise<void> {
  const columns = { ...fixedColumns(scan), ...mutableColumns(scan) };
  const names = Object.keys(columns);
  const text = `WITH scan AS (
      INSERT INTO scans (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 2}`).join(', ')})
      RETURNING id, created_at, organization_id
    ) ${insertEvents}`;
  await transaction.query({ name: 'insert-scan', text }, [eventsJson(events), ...Object.values(columns)]);
  if (isActive(scan)) await enterActive(transaction, [scan]);
}

/**
 * Writes a locked scan's change with its events, its place among the active scans and what becomes of its runs. The WHERE
 * repeats what the decision saw, so that a row which is not in that state can never be overwritten.
 */
export async function saveScan(transaction: Transaction, before: Scan, { scan, events }: Change): Promise<void> {
  const columns = mutableColumns(scan);
  const assignments = Object.keys(columns).map((name, index) => `${name} = $${index + 8}`);
  const text = `WITH scan AS (
      UPDATE scans SET ${assignments.join(', ')}
      WHERE id = $2 AND created_at = $3 AND organization_id = $4 AND status = $5 AND attempt = $6 AND event_sequence = $7
      RETURNING id, created_at, organization_id
    ), logged AS (${insertEvents})
    SELECT FROM scan`;
  const values = [eventsJson(events), before.id, before.createdAt, before.organizationId, before.status, before.attempt, before.sequence];
  const { rowCount } = await transaction.query({ name: 'save-scan', text }, [...values, ...Object.values(columns)]);
  if (rowCount !== 1) throw new Error(`scan ${before.id} was changed under its lock`);
  await followActive(transaction, before, scan);
  if (isTerminal(scan.status) || scan.attempt !== before.attempt)
    await discardRuns(transaction, before, scan.acceptedRunId, scan.updatedAt);
}

const deleteStatement: Statement = {
  name: 'delete-scan',
  text: `WITH events AS (DELETE FROM scan_events WHERE scan_id = $1 AND scan_created_at = $2 AND organization_id = $3)
    DELETE FROM scans WHERE id = $1 AND created_at = $2 AND organization_id = $3`,
};

/** Removes a locked scan and its events; its runs are left to the collector. */
export async function deleteScan(transaction: Transaction, scan: Scan, at: Date): Promise<void> {
  await discardRuns(transaction, scan, null, at);
  await transaction.query(deleteStatement, [scan.id, scan.createdAt, scan.organizationId]);
  if (!isActive(scan)) return;
  await holdPlace(transaction, scan, at);
  await leaveActive(transaction, [scan]);
}

async function followActive(transaction: Transaction, before: Scan, after: Scan): Promise<void> {
  if (isActive(after) && after.attempt === before.attempt) return;
  if (isActive(before)) await holdPlace(transaction, before, after.updatedAt);
  if (isActive(after)) await enterActive(transaction, [after]);
  else if (isActive(before)) await leaveActive(transaction, [before]);
}
