import type { Statement, Transaction } from '@cloudscan/database';
import type { AdmissionLimits } from '@cloudscan/orchestration';
import type { TransactionalJobs } from '../transactional-jobs.ts';
import { lockAdmission } from './admission-lock.ts';
import { isHeld } from './held-places.ts';
import { runningOf, sharesUsed } from './usage.ts';

/** Attempts that may have a Job from now on. */
export type Admitted = ReadonlySet<string>;

const waitingStatement: Statement = {
  name: 'count-waiting',
  text: `SELECT (SELECT count(*) FROM active_scans WHERE organization_id = $1 AND admitted_at IS NULL) AS waiting,
    coalesce((SELECT nullif(max_queued_scans, 0) FROM organizations WHERE id = $1), $2) AS "limit"`,
};

/** The limit of waiting scans when the organization has reached it, otherwise null. Exact while the admission lock is held. */
export async function reachedQueueLimit(transaction: Transaction, organizationId: string, limits: AdmissionLimits): Promise<number | null> {
  const { rows } = await transaction.query<{ waiting: number; limit: number }>(waitingStatement, [
    organizationId,
    limits.maxQueuedPerOrganization,
  ]);
  const { waiting, limit } = rows[0]!;
  return waiting >= limit ? limit : null;
}

/*
 * Whose turn it is: by priority, then by who has used the least, then by age. `place` is a scan's place in its own
 * organization's line, so `shares + place` is what the organization will have used when its turn comes: sorting by it deals
 * the free places out one at a time.
 *
 * Plan: only active_scans, held_places, organizations and organization_usage are read. `waiting_organizations` jumps from
 * organization to organization on active_scans_waiting (a loose index scan), and each one's line is a short range of the same
 * index: the cost follows the organizations that wait, what they run and the free places, not the scans that wait, nor history.
 */
const pickStatement: Statement = {
  name: 'pick-scans-to-admit',
  text: `WITH RECURSIVE room AS (
      SELECT greatest($1 - (SELECT count(*) FROM active_scans WHERE admitted_at IS NOT NULL)
        - (SELECT count(*) FROM held_places WHERE ${isHeld('$3')}), 0)::integer AS places
    ), waiting_organizations (id) AS (
      (SELECT organization_id FROM active_scans WHERE admitted_at IS NULL ORDER BY organization_id LIMIT 1)
      UNION ALL
      SELECT (SELECT organization_id FROM active_scans WHERE admitted_at IS NULL AND organization_id > previous.id ORDER BY organization_id LIMIT 1)
      FROM waiting_organizations previous WHERE previous.id IS NOT NULL AND (SELECT places FROM room) > 0
    ), lines AS (
      SELECT waiting.id, coalesce(nullif(organizations.max_running_scans, 0), $2) AS cap,
        running.scans + (SELECT count(*) FROM held_places WHERE organization_id = waiting.id AND ${isHeld('$3')}) AS taken,
        ${sharesUsed('$3', '$4')} AS shares
      FROM waiting_organizations waiting
      JOIN organizations ON organizations.id = waiting.id
      LEFT JOIN organization_usage AS usage ON usage.organization_id = waiting.id
      CROSS JOIN ${runningOf('waiting.id', '$3')}
    )
    SELECT next.scan_id, next.scan_created_at
    FROM lines CROSS JOIN LATERAL (
      SELECT scan_id, scan_created_at, priority, queued_at, row_number() OVER (ORDER BY priority DESC, queued_at, scan_id) AS place
      FROM active_scans WHERE organization_id = lines.id AND admitted_at IS NULL
      ORDER BY priority DESC, queued_at, scan_id
      LIMIT least((SELECT places FROM room), greatest(lines.cap - lines.taken, 0))
    ) next
    ORDER BY next.priority DESC, lines.shares + next.place, next.queued_at, next.scan_id
    LIMIT (SELECT places FROM room)`,
};

/*
 * SKIP LOCKED: whoever holds a waiting scan's row is about to cancel or delete it, and may be waiting for the admission lock
 * that is held here; that transaction admits the next one itself. (A place that stays free since the holder changed nothing
 * is filled by the timer.) One statement per month of ids, with scalar bounds, since an array of created_at would not prune.
 */
const admitStatement: Statement = {
  name: 'admit-scans',
  text: `WITH free AS (
      SELECT id, created_at FROM scans
      WHERE id = ANY($1) AND created_at >= $2 AND created_at < $3 AND status = 'queued' AND admitted_at IS NULL
      FOR NO KEY UPDATE SKIP LOCKED
    ), admitted AS (
      UPDATE scans SET admitted_at = $4, updated_at = $4 FROM free
      WHERE scans.id = free.id AND scans.created_at = free.created_at AND scans.created_at >= $2 AND scans.created_at < $3
      RETURNING scans.id, scans.organization_id, scans.attempt
    ), noted AS (
      UPDATE active_scans SET admitted_at = $4 FROM admitted WHERE active_scans.scan_id = admitted.id
    )
    SELECT id, organization_id, attempt FROM admitted`,
};

interface AdmittedRow {
  readonly id: string;
  readonly organization_id: string;
  readonly attempt: number;
}

/**
 * Admits as many waiting scans as the caps leave room for and sends a dispatch job for each. The caps are hard: an attempt
 * that was admitted and has not ended counts, in whatever snapshot, and so does one that has ended and may still run. The
 * transaction must work as the system.
 */
export async function admit(transaction: Transaction, jobs: TransactionalJobs, limits: AdmissionLimits, at: Date): Promise<Admitted> {
  await lockAdmission(transaction);
  const { rows: picked } = await transaction.query<PickedRow>(pickStatement, [
    limits.maxRunning,
    limits.maxRunningPerOrganization,
    at,
    limits.usageHalfLifeMs,
  ]);
  const admitted: AdmittedRow[] = [];
  for (const { ids, from, to } of byMonth(picked)) {
    const { rows } = await transaction.query<AdmittedRow>(admitStatement, [ids, from, to, at]);
    admitted.push(...rows);
  }
  await jobs.send(
    transaction,
    admitted.map((row) => ({
      queue: 'dispatch',
      message: { scanId: row.id, organizationId: row.organization_id, attempt: row.attempt, traceparent: null },
    })),
  );
  return new Set(admitted.map(({ id }) => id));
}

interface PickedRow {
  readonly scan_id: string;
  readonly scan_created_at: Date;
}

function byMonth(picked: readonly PickedRow[]): readonly { readonly ids: readonly string[]; readonly from: Date; readonly to: Date }[] {
  const months = Map.groupBy(picked, ({ scan_created_at: at }) => Date.UTC(at.getUTCFullYear(), at.getUTCMonth()));
  return [...months].map(([start, rows]) => {
    const from = new Date(start);
    return { ids: rows.map(({ scan_id: id }) => id), from, to: new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1)) };
  });
}
