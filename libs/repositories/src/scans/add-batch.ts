import type { Statement, Transaction } from '@cloudscan/database';
import { countBySeverity } from '@cloudscan/domain';
import type { Finding } from '@cloudscan/domain';
import { storable, toTextArray } from '../text.ts';
import { findingColumns } from './finding-rows.ts';
import type { RunScan } from './runs.ts';

const claimStatement: Statement = {
  name: 'claim-batch',
  text: `INSERT INTO scan_run_batches (scan_id, run_id, batch_key, scan_created_at, organization_id, findings_count) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING`,
};
const countStatement: Statement = {
  name: 'batch-count',
  text: 'SELECT findings_count AS count FROM scan_run_batches WHERE scan_id = $1 AND run_id = $2 AND batch_key = $3 AND scan_created_at = $4',
};

const names = findingColumns.map(({ name }) => name);

/*
 * One array per column: the statement is the same for one finding and for ten thousand. COPY would be no faster for such
 * batches and is refused into a table with row-level security. Arrays of arrays do not unnest by row, so the references of
 * a finding come as the text of their array. The counters of the run grow in the same statement.
 */
const insertStatement: Statement = {
  name: 'insert-findings',
  text: `WITH counted AS (
      UPDATE scan_runs SET critical_count = critical_count + $5, high_count = high_count + $6, medium_count = medium_count + $7,
        low_count = low_count + $8, info_count = info_count + $9
      WHERE scan_id = $1 AND run_id = $2 AND scan_created_at = $3 AND organization_id = $4
      RETURNING scan_id, run_id, scan_created_at, organization_id
    )
    INSERT INTO findings (scan_id, run_id, scan_created_at, organization_id, "references", ${names.join(', ')})
    SELECT counted.scan_id, counted.run_id, counted.scan_created_at, counted.organization_id,
      batch.links::text[], ${names.map((name) => `batch.${name}`).join(', ')}
    FROM counted, unnest($10::text[], ${findingColumns.map(({ type }, index) => `$${index + 11}::${type}[]`).join(', ')})
      AS batch (links, ${names.join(', ')})`,
};

/**
 * Adds a batch to an open run, once. Answers whether it was new, and how many findings it holds. The scan's row, or whatever else
 * guards the run, must be locked.
 */
export async function addBatch(
  transaction: Transaction,
  scan: RunScan,
  batch: { readonly runId: string; readonly key: string; readonly findings: readonly Finding[] },
): Promise<{ readonly isNew: boolean; readonly count: number }> {
  const { runId, key, findings } = batch;
  const claim = await transaction.query(claimStatement, [scan.id, runId, key, scan.createdAt, scan.organizationId, findings.length]);
  if (claim.rowCount === 0) {
    const { rows } = await transaction.query<{ count: number }>(countStatement, [scan.id, runId, key, scan.createdAt]);
    return { isNew: false, count: rows[0]!.count };
  }
  if (findings.length > 0) {
    const counts = countBySeverity(findings);
    await transaction.query(insertStatement, [
      ...[scan.id, runId, scan.createdAt, scan.organizationId],
      ...[counts.critical, counts.high, counts.medium, counts.low, counts.info],
      toTextArray(findings.map(({ references }) => toTextArray(references.map(storable)))),
      ...findingColumns.map(({ type, of }) => (type === 'text' ? toTextArray(findings.map(of) as string[]) : findings.map(of))),
    ]);
  }
  return { isNew: true, count: findings.length };
}
