import type { SystemScope } from '@cloudscan/auth';
import type { Database, Statement } from '@cloudscan/database';
import type { LocalJob, LocalJobEnd, LocalJobRepository, NewLocalJob, ProcessMark } from '@cloudscan/orchestration';

interface LocalJobRow {
  readonly job_name: string;
  readonly scan_id: string;
  readonly organization_id: string;
  readonly attempt: number;
  readonly phase: LocalJob['phase'];
  readonly supervisor_pid: number | null;
  readonly supervisor_started_at: string | null;
  readonly runner_pid: number | null;
  readonly runner_started_at: string | null;
  readonly work_dir: string;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly condition: string | null;
  readonly log_tail: string | null;
  readonly cancel_requested: boolean;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
}

// An update that changes nothing, so that the row that is there comes back.
const insertOrFind: Statement = {
  name: 'local-job-insert-or-find',
  text: `INSERT INTO local_jobs (job_name, scan_id, organization_id, attempt, phase, work_dir, created_at)
    VALUES ($1, $2, $3, $4, 'pending', $5, $6) ON CONFLICT (job_name) DO UPDATE SET job_name = excluded.job_name RETURNING *`,
};
const find: Statement = { name: 'local-job-find', text: 'SELECT * FROM local_jobs WHERE job_name = $1' };
const page: Statement = { name: 'local-job-page', text: 'SELECT * FROM local_jobs WHERE job_name > $1 ORDER BY job_name LIMIT $2' };
const findMany: Statement = { name: 'local-job-find-many', text: 'SELECT * FROM local_jobs WHERE job_name = ANY($1)' };
const claim: Statement = {
  name: 'local-job-claim',
  text: `UPDATE local_jobs SET supervisor_pid = $2, supervisor_started_at = $3
    WHERE job_name = $1 AND phase = 'pending' AND supervisor_pid IS NULL AND NOT cancel_requested`,
};
// The second alternative is this very call again: its first answer was lost with the connection.
const start: Statement = {
  name: 'local-job-start',
  text: `UPDATE local_jobs SET phase = 'running', runner_pid = $4, runner_started_at = $5, started_at = coalesce(started_at, $6)
    WHERE job_name = $1 AND supervisor_pid = $2 AND supervisor_started_at = $3 AND NOT cancel_requested
      AND (phase = 'pending' OR (phase = 'running' AND runner_pid = $4 AND runner_started_at = $5))`,
};
const end: Statement = {
  name: 'local-job-end',
  text: `UPDATE local_jobs SET phase = $2, exit_code = $3, signal = $4, condition = $5, log_tail = $6, ended_at = $7
    WHERE job_name = $1 AND phase IN ('pending', 'running')`,
};
const requestCancel: Statement = {
  name: 'local-job-request-cancel',
  text: `UPDATE local_jobs SET cancel_requested = true WHERE job_name = $1 AND phase IN ('pending', 'running') AND NOT cancel_requested`,
};
const remove: Statement = { name: 'local-job-delete', text: 'DELETE FROM local_jobs WHERE job_name = $1' };

/** The runs of this machine in PostgreSQL. */
export class PgLocalJobRepository implements LocalJobRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async insertOrFind(scope: SystemScope, job: NewLocalJob): Promise<LocalJob> {
    const values = [job.jobName, job.scanId, job.organizationId, job.attempt, job.workDir, job.at];
    const { rows } = await this.#database.query<LocalJobRow>(scope, insertOrFind, values);
    return toLocalJob(rows[0]!);
  }

  async find(scope: SystemScope, jobName: string): Promise<LocalJob | null> {
    const { rows } = await this.#database.query<LocalJobRow>(scope, find, [jobName]);
    return rows[0] === undefined ? null : toLocalJob(rows[0]);
  }

  async *list(scope: SystemScope, pageSize: number): AsyncIterable<LocalJob> {
    let after = '';
    for (;;) {
      const { rows } = await this.#database.query<LocalJobRow>(scope, page, [after, pageSize]);
      yield* rows.map(toLocalJob);
      if (rows.length < pageSize) return;
      after = rows.at(-1)!.job_name;
    }
  }

  async findMany(scope: SystemScope, jobNames: readonly string[]): Promise<readonly LocalJob[]> {
    const { rows } = await this.#database.query<LocalJobRow>(scope, findMany, [jobNames]);
    return rows.map(toLocalJob);
  }

  async claim(scope: SystemScope, jobName: string, supervisor: ProcessMark): Promise<boolean> {
    return this.#changed(scope, claim, [jobName, supervisor.pid, supervisor.startedAt]);
  }

  async start(scope: SystemScope, jobName: string, supervisor: ProcessMark, runner: ProcessMark, at: Date): Promise<boolean> {
    return this.#changed(scope, start, [jobName, supervisor.pid, supervisor.startedAt, runner.pid, runner.startedAt, at]);
  }

  async end(scope: SystemScope, jobName: string, outcome: LocalJobEnd): Promise<LocalJob | null> {
    const { phase, exitCode, signal, condition, logTail, at } = outcome;
    await this.#changed(scope, end, [jobName, phase, exitCode, signal, condition, logTail, at]);
    return this.find(scope, jobName);
  }

  async requestCancel(scope: SystemScope, jobName: string): Promise<LocalJob | null> {
    await this.#changed(scope, requestCancel, [jobName]);
    return this.find(scope, jobName);
  }

  async delete(scope: SystemScope, jobName: string): Promise<void> {
    await this.#changed(scope, remove, [jobName]);
  }

  async #changed(scope: SystemScope, statement: Statement, values: readonly unknown[]): Promise<boolean> {
    return (await this.#database.query(scope, statement, values)).rowCount > 0;
  }
}

function toLocalJob(row: LocalJobRow): LocalJob {
  return {
    jobName: row.job_name,
    scanId: row.scan_id,
    organizationId: row.organization_id,
    attempt: row.attempt,
    phase: row.phase,
    supervisor: toMark(row.supervisor_pid, row.supervisor_started_at),
    runner: toMark(row.runner_pid, row.runner_started_at),
    workDir: row.work_dir,
    exitCode: row.exit_code,
    signal: row.signal,
    condition: row.condition,
    logTail: row.log_tail,
    cancelRequested: row.cancel_requested,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}

function toMark(pid: number | null, startedAt: string | null): ProcessMark | null {
  return pid === null || startedAt === null ? null : { pid, startedAt };
}
