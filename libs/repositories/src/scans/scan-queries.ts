import type { OrganizationScope, Scope } from '@cloudscan/auth';
import type { Statement, Transaction } from '@cloudscan/database';
import { isUuid, severityRank } from '@cloudscan/domain';
import type { Finding, Scan, ScanEvent } from '@cloudscan/domain';
import type { AdmitCommand, ListFindingsQuery, ListScansQuery, Page } from '@cloudscan/orchestration';
import { decodePageToken, invalidPageToken, maxExactTotal, toPage } from '../page.ts';
import type { Cursor } from '../page.ts';
import { toFinding } from './finding-rows.ts';
import type { FindingRow } from './finding-rows.ts';
import { scanColumns, scanKey, toEvent, toScan } from './scan-rows.ts';
import type { EventRow, ScanRow } from './scan-rows.ts';
import { organizationOf } from './scan-store.ts';
import { runningOf, sharesUsed } from './usage.ts';

/**
 * Newest first. Each combination of filters has its own statement and its own index in this order; `created_at <=` beside
 * the row comparison is what prunes the partitions of the pages before.
 */
export async function listScans(transaction: Transaction, scope: OrganizationScope, query: ListScansQuery): Promise<Page<Scan>> {
  const { projectId, status, pageSize } = query;
  const key = ['scans', scope.organizationId, projectId, status];
  const from = scanCursor(decodePageToken(key, query.pageToken));
  const filters = [
    { name: 'project', column: 'project_id', value: projectId },
    { name: 'status', column: 'status', value: status },
  ].filter(({ value }) => value !== null);
  const where = ['organization_id = $1', ...filters.map(({ column }, index) => `${column} = $${index + 2}`)].join(' AND ');
  const name = ['scans', ...filters.map((filter) => filter.name)].join('-');
  const values = [scope.organizationId, ...filters.map(({ value }) => value)];
  const at = values.length;

  const page = await transaction.query<ScanRow>(
    {
      name: `list-${name}`,
      text: `SELECT ${scanColumns} FROM scans
        WHERE ${where} AND created_at <= $${at + 1} AND (created_at, id) < ($${at + 1}, $${at + 2})
        ORDER BY created_at DESC, id DESC LIMIT $${at + 3}`,
    },
    [...values, from.createdAt, from.id, pageSize + 1],
  );
  const total = await boundedCount(transaction, { name: `count-${name}`, text: `FROM scans WHERE ${where}` }, values);
  return toPage(page.rows, pageSize, total, key, toScan, ({ id }) => [id]);
}

const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const nilUuid = '00000000-0000-0000-0000-000000000000';

function scanCursor(cursor: Cursor | null): { readonly createdAt: Date | 'infinity'; readonly id: string } {
  if (cursor === null) return { createdAt: 'infinity', id: lastUuid };
  const key = scanKey(cursor[0] ?? '');
  if (key === null) throw invalidPageToken();
  return { id: key[0], createdAt: key[1] };
}

const shownRunStatement: Statement = {
  name: 'shown-run',
  text: `SELECT coalesce(scans.accepted_run_id, (
        SELECT run_id FROM scan_runs
        WHERE scan_id = $1 AND scan_created_at = $2 AND organization_id = $3 AND attempt = scans.attempt AND scans.status IN ('queued', 'running')
        ORDER BY created_at DESC, run_id DESC LIMIT 1
      )) AS run_id
    FROM scans WHERE id = $1 AND created_at = $2 AND organization_id = $3`,
};

/** Most severe first, of one run: a range of the primary key, or of `findings_by_type`. A token is good for its run only. */
export async function listFindings(transaction: Transaction, scope: OrganizationScope, query: ListFindingsQuery): Promise<Page<Finding>> {
  const { scanId, scanType, severity, pageSize } = query;
  const scan = scanKey(scanId);
  if (scan === null) return emptyPage;
  const { rows: shown } = await transaction.query<{ run_id: string | null }>(shownRunStatement, [...scan, scope.organizationId]);
  const runId = shown[0]?.run_id ?? null;
  const key = ['findings', scope.organizationId, scanId, scanType, severity, runId];
  const from = findingCursor(decodePageToken(key, query.pageToken));
  if (runId === null) return emptyPage;

  const filters = [
    { name: 'type', column: 'scan_type', value: scanType },
    { name: 'severity', column: 'severity_rank', value: severity === null ? null : severityRank(severity) },
  ].filter(({ value }) => value !== null);
  const where = [
    'scan_id = $1 AND scan_created_at = $2 AND organization_id = $3 AND run_id = $4',
    ...filters.map(({ column }, index) => `${column} = $${index + 5}`),
  ].join(' AND ');
  const name = ['findings', ...filters.map((filter) => filter.name)].join('-');
  const values = [...scan, scope.organizationId, runId, ...filters.map(({ value }) => value)];
  const at = values.length;

  const page = await transaction.query<FindingRow>(
    {
      name: `list-${name}`,
      text: `SELECT * FROM findings WHERE ${where} AND (severity_rank, id) > ($${at + 1}, $${at + 2}) ORDER BY severity_rank, id LIMIT $${at + 3}`,
    },
    [...values, from.rank, from.id, pageSize + 1],
  );
  const total = await boundedCount(transaction, { name: `count-${name}`, text: `FROM findings WHERE ${where}` }, values);
  return toPage(page.rows, pageSize, total, key, toFinding, (row) => [String(row.severity_rank), row.id]);
}

const emptyPage: Page<never> = { items: [], nextPageToken: null, totalCount: 0, totalCountExact: true };

function findingCursor(cursor: Cursor | null): { readonly rank: number; readonly id: string } {
  if (cursor === null) return { rank: -1, id: nilUuid };
  const [rank = '', id = ''] = cursor;
  if (!/^[0-4]$/.test(rank) || !isUuid(id)) throw invalidPageToken();
  return { rank: Number(rank), id };
}

/** Counts no further than it takes to know that the total is not exact. */
async function boundedCount(transaction: Transaction, { name, text }: Statement, values: readonly unknown[]): Promise<number> {
  const { rows } = await transaction.query<{ total: number }>(
    { name, text: `SELECT count(*) AS total FROM (SELECT ${text} LIMIT ${maxExactTotal + 1}) AS counted` },
    values,
  );
  return rows[0]!.total;
}

const eventsStatement: Statement = {
  name: 'scan-events',
  text: `SELECT * FROM scan_events
    WHERE scan_id = $1 AND scan_created_at = $2 AND ($3::uuid IS NULL OR organization_id = $3) AND sequence > $4
    ORDER BY sequence LIMIT $5`,
};

export async function listEvents(
  transaction: Transaction,
  scope: Scope,
  scanId: string,
  afterSequence: number,
  limit: number,
): Promise<readonly ScanEvent[]> {
  const key = scanKey(scanId);
  if (key === null) return [];
  const { rows } = await transaction.query<EventRow>(eventsStatement, [...key, organizationOf(scope), afterSequence, limit]);
  return rows.map(toEvent);
}

/*
 * The order of admission over all that wait, which is more than an organization may read: hence as the system, and only the
 * number comes back. It reads every waiting scan from one index.
 */
const positionStatement: Statement = {
  name: 'queue-position',
  text: `WITH line AS (
      SELECT scan_id, organization_id, priority, queued_at, row_number() OVER (PARTITION BY organization_id ORDER BY priority DESC, queued_at, scan_id) AS place
      FROM active_scans WHERE admitted_at IS NULL
    ), used AS MATERIALIZED (
      SELECT organization_id, ${sharesUsed('$2', '$3')} AS shares
      FROM (SELECT DISTINCT organization_id FROM line) AS waiting
      LEFT JOIN organization_usage AS usage USING (organization_id)
      CROSS JOIN ${runningOf('waiting.organization_id', '$2')}
    ), placed AS (
      SELECT scan_id, row_number() OVER (ORDER BY priority DESC, shares + place, queued_at, scan_id) AS position
      FROM line JOIN used USING (organization_id)
    )
    SELECT position FROM placed WHERE scan_id = $1`,
};

export async function queuePosition(transaction: Transaction, scan: Scan, { limits, at }: AdmitCommand): Promise<number> {
  await transaction.becomeSystem();
  const { rows } = await transaction.query<{ position: number }>(positionStatement, [scan.id, at, limits.usageHalfLifeMs]);
  return rows[0]?.position ?? 0;
}
