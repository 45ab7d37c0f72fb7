import type { SystemScope } from '@cloudscan/auth';
import type { Database, Statement } from '@cloudscan/database';
import type { CleanerRun, CleanerRunRepository, CleanerStatistics } from '@cloudscan/orchestration';

const keptRuns = 100;

// Two runs that end at once count on from each other. Readers go on.
const lock = 'LOCK TABLE cleaner_runs IN SHARE ROW EXCLUSIVE MODE';

const insert: Statement = {
  name: 'cleaner-run-insert',
  text: `INSERT INTO cleaner_runs (id, started_at, ended_at, outcome, scans, findings, batches, longest_batch_ms, scans_total, findings_total)
    SELECT $1, $2, $3, $4, $5::integer, $6::bigint, $7, $8, coalesce(max(scans_total), 0) + $5::integer, coalesce(max(findings_total), 0) + $6::bigint
    FROM cleaner_runs`,
};

// The last success stays, however many failed since: it is what an alert goes by.
const forget: Statement = {
  name: 'cleaner-run-forget',
  text: `DELETE FROM cleaner_runs
    WHERE id NOT IN (SELECT id FROM cleaner_runs ORDER BY ended_at DESC, id DESC LIMIT $1)
      AND id NOT IN (SELECT id FROM cleaner_runs WHERE outcome = 'succeeded' ORDER BY ended_at DESC, id DESC LIMIT 1)`,
};

const statistics: Statement = {
  name: 'cleaner-run-statistics',
  text: `SELECT max(ended_at) AS ended_at,
      (array_agg(extract(epoch FROM ended_at - started_at) * 1000 ORDER BY ended_at DESC, id DESC))[1] AS duration_ms,
      max(ended_at) FILTER (WHERE outcome = 'succeeded') AS last_success_at,
      coalesce(max(scans_total), 0) AS scans, coalesce(max(findings_total), 0) AS findings
    FROM cleaner_runs`,
};

interface StatisticsRow {
  readonly ended_at: Date | null;
  readonly duration_ms: number;
  readonly last_success_at: Date | null;
  readonly scans: number;
  readonly findings: number;
}

/** The runs of the cleaner in PostgreSQL. */
export class PgCleanerRunRepository implements CleanerRunRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async record(scope: SystemScope, run: CleanerRun): Promise<void> {
    await this.#database.transaction(scope, async (transaction) => {
      await transaction.query(lock);
      await transaction.query(insert, [
        ...[run.id, run.startedAt, run.endedAt, run.outcome],
        ...[run.scans, run.findings, run.batches, run.longestBatchMs],
      ]);
      await transaction.query(forget, [keptRuns]);
    });
  }

  async statistics(scope: SystemScope): Promise<CleanerStatistics> {
    const { rows } = await this.#database.query<StatisticsRow>(scope, statistics);
    const { ended_at: endedAt, duration_ms: durationMs, last_success_at: lastSuccessAt, scans, findings } = rows[0]!;
    return { last: endedAt === null ? null : { endedAt, durationMs }, lastSuccessAt, scans, findings };
  }
}
