import type { Statement, Transaction } from '@cloudscan/database';

interface DiscardedRun {
  readonly scan_id: string;
  readonly run_id: string;
  readonly scan_created_at: Date;
}

// Two collectors at once take different runs.
const takeStatement: Statement = {
  name: 'take-discarded-run',
  text: `SELECT scan_id, run_id, scan_created_at FROM discarded_runs WHERE due_at <= now()
    ORDER BY created_at, scan_id, run_id LIMIT 1 FOR UPDATE SKIP LOCKED`,
};

// The month is a scalar on both sides: the inner look-up and the delete each touch one partition.
const deleteFindingsStatement: Statement = {
  name: 'delete-discarded-findings',
  text: `DELETE FROM findings USING (
      SELECT severity_rank, id FROM findings WHERE scan_id = $1 AND run_id = $2 AND scan_created_at = $3 ORDER BY severity_rank, id LIMIT $4
    ) AS batch
    WHERE findings.scan_id = $1 AND findings.run_id = $2 AND findings.scan_created_at = $3
      AND findings.severity_rank = batch.severity_rank AND findings.id = batch.id`,
};

const deleteRunStatement: Statement = {
  name: 'delete-discarded-run',
  text: `WITH batches AS (DELETE FROM scan_run_batches WHERE scan_id = $1 AND run_id = $2 AND scan_created_at = $3),
      runs AS (DELETE FROM scan_runs WHERE scan_id = $1 AND run_id = $2 AND scan_created_at = $3)
    DELETE FROM discarded_runs WHERE scan_id = $1 AND run_id = $2`,
};

/** Deletes up to `limit` findings of one discarded run, and the run once it is empty. Null when there is none. */
export async function collectDiscardedRun(transaction: Transaction, limit: number): Promise<number | null> {
  const { rows } = await transaction.query<DiscardedRun>(takeStatement);
  const run = rows[0];
  if (run === undefined) return null;
  const key = [run.scan_id, run.run_id, run.scan_created_at];
  const { rowCount } = await transaction.query(deleteFindingsStatement, [...key, limit]);
  if (rowCount < limit) await transaction.query(deleteRunStatement, key);
  return rowCount;
}
