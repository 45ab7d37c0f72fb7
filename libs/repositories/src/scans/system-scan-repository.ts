import type { SystemScope } from '@cloudscan/auth';
import type { Database, Statement, Transaction } from '@cloudscan/database';
import { isUuid } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import type {
  ActiveScan,
  AdmitCommand,
  AttemptKey,
  EndAttemptsCommand,
  EndedScans,
  EndedScansCommand,
  ExpirePendingCommand,
  ExpiredScan,
  FreePlacesCommand,
  QueueStatistics,
  RecordJobCommand,
  SystemScanRepository,
  TransitionResult,
} from '@cloudscan/orchestration';
import type { TransactionalJobs } from '../transactional-jobs.ts';
import { isActive } from './active-scans.ts';
import { admit } from './admission.ts';
import type { Admitted } from './admission.ts';
import { collectDiscardedRun } from './collect-discarded.ts';
import { leftoversOf } from './follow-ups.ts';
import { freePlaces, heldPlacesStatement } from './held-places.ts';
import { deleteExpiredKeys } from './idempotency.ts';
import { ensurePartitionsOf, missingPartitionsOf, partitionMonths } from './partitions.ts';
import { findEnded, removeEnded } from './retention.ts';
import { lockScans, saveScans } from './scan-batches.ts';
import type { ScanChange } from './scan-batches.ts';
import { scanColumns, scanKey, toScan } from './scan-rows.ts';
import type { ScanRow } from './scan-rows.ts';
import { readScan, saveScan } from './scan-store.ts';
import { decideEnd, decideExpiry } from './transitions.ts';
import { chargeUsage } from './usage.ts';

const neverStarted = 'the scan was never started';

const organizationOfProjectStatement: Statement = {
  name: 'organization-of-project',
  text: 'SELECT organization_id FROM projects WHERE id = $1',
};

const recordJobStatement: Statement = {
  name: 'record-job',
  text: `UPDATE scans SET job_name = $4, job_namespace = $5, updated_at = $6
    WHERE id = $1 AND created_at = $2 AND attempt = $3 AND status IN ('queued', 'running') AND admitted_at IS NOT NULL`,
};

// LATERAL with the two halves of the key: one probe into one partition per scan. OFFSET 0 keeps the planner from joining whole partitions.
const selectActive = `SELECT active.scan_id AS id, active.organization_id AS "organizationId", scan.attempt, scan.status, scan.admitted_at AS "admittedAt",
      scan.job_name AS "jobName", scan.started_at AS "startedAt", scan.updated_at AS "updatedAt"
    FROM active_scans AS active CROSS JOIN LATERAL (
      SELECT attempt, status, admitted_at, job_name, started_at, updated_at FROM scans WHERE id = active.scan_id AND created_at = active.scan_created_at OFFSET 0
    ) AS scan`;

export const activeStatement: Statement = {
  name: 'active-scans',
  text: `${selectActive}
    WHERE active.admitted_at IS NOT NULL AND active.scan_id > $1
    ORDER BY active.scan_id LIMIT $2`,
};

export const activeAmongStatement: Statement = {
  name: 'active-among-scans',
  text: `${selectActive}
    WHERE active.scan_id = ANY($1)`,
};

const statisticsStatement: Statement = {
  name: 'queue-statistics',
  text: `SELECT count(*) FILTER (WHERE scan.status = 'queued') AS queued,
      count(*) FILTER (WHERE scan.status = 'queued' AND active.admitted_at IS NOT NULL AND scan.job_name IS NULL) AS "awaitingDispatch",
      count(*) FILTER (WHERE scan.status = 'running') AS running,
      coalesce(extract(epoch FROM now() - min(active.queued_at) FILTER (WHERE scan.status = 'queued')) * 1000, 0) AS "oldestQueuedAgeMs"
    FROM active_scans AS active CROSS JOIN LATERAL (
      SELECT status, job_name FROM scans WHERE id = active.scan_id AND created_at = active.scan_created_at AND active.admitted_at IS NOT NULL
      UNION ALL
      SELECT 'queued', NULL WHERE active.admitted_at IS NULL
    ) AS scan`,
};

const expirableStatement: Statement = {
  name: 'lock-expirable-scans',
  text: `SELECT ${scanColumns} FROM scans WHERE status = 'pending' AND created_at < $1 ORDER BY created_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`,
};

const firstId = '00000000-0000-0000-0000-000000000000';

/** What only the system does with scans, in PostgreSQL. */
export class PgSystemScanRepository implements SystemScanRepository {
  readonly #database: Database;
  readonly #jobs: TransactionalJobs;

  constructor(database: Database, jobs: TransactionalJobs) {
    this.#database = database;
    this.#jobs = jobs;
  }

  async organizationOfScan(scope: SystemScope, scanId: string): Promise<string | null> {
    const scan = await this.#database.transaction(scope, (transaction) => readScan(transaction, scope, scanId));
    return scan?.organizationId ?? null;
  }

  async organizationOfProject(scope: SystemScope, projectId: string): Promise<string | null> {
    const { rows } = await this.#database.query<{ organization_id: string }>(scope, organizationOfProjectStatement, [projectId]);
    return rows[0]?.organization_id ?? null;
  }

  async admit(scope: SystemScope, { limits, at }: AdmitCommand): Promise<number> {
    const admitted = await this.#database.transaction(scope, (transaction) => admit(transaction, this.#jobs, limits, at));
    return admitted.size;
  }

  async findDispatchable(scope: SystemScope, scanId: string, attempt: number): Promise<Scan | null> {
    const scan = await this.#database.transaction(scope, (transaction) => readScan(transaction, scope, scanId));
    return scan !== null && isDispatchable(scan, attempt) ? scan : null;
  }

  async recordJob(scope: SystemScope, command: RecordJobCommand): Promise<boolean> {
    const key = scanKey(command.scanId);
    if (key === null) return false;
    const { rowCount } = await this.#database.query(scope, recordJobStatement, [
      ...key,
      command.attempt,
      command.jobName,
      command.jobNamespace,
      command.at,
    ]);
    return rowCount === 1;
  }

  async *active(scope: SystemScope, pageSize: number): AsyncIterable<ActiveScan> {
    let after = firstId;
    for (;;) {
      const { rows } = await this.#database.query<ActiveScan>(scope, activeStatement, [after, pageSize]);
      yield* rows;
      if (rows.length < pageSize) return;
      after = rows.at(-1)!.id;
    }
  }

  async activeAmong(scope: SystemScope, scanIds: readonly string[]): Promise<readonly ActiveScan[]> {
    const { rows } = await this.#database.query<ActiveScan>(scope, activeAmongStatement, [scanIds.filter(isUuid)]);
    return rows;
  }

  async endAttempts(scope: SystemScope, { ends, ...terms }: EndAttemptsCommand): Promise<readonly TransitionResult[]> {
    return this.#database.transaction(scope, async (transaction) => {
      const ids = ends.map(({ scanId }) => scanId);
      const locked = new Map((await lockScans(transaction, scope, ids)).map((scan) => [scan.id, scan]));
      const changes: ScanChange[] = [];
      const results = ends.map((end): TransitionResult => {
        const before = locked.get(end.scanId);
        if (before === undefined) return { kind: 'not_found' };
        const decision = decideEnd(before, { ...terms, ...end });
        if (decision.kind !== 'apply') return { ...decision, scan: before };
        changes.push({ before, change: decision.change });
        return { kind: 'applied', scan: decision.change.scan };
      });
      const admitted = changes.length > 0 ? await this.#saveEnds(transaction, changes, terms) : new Set();
      return results.map((result) =>
        result.kind === 'applied' && admitted.has(result.scan.id)
          ? { kind: 'applied', scan: { ...result.scan, admittedAt: terms.at } }
          : result,
      );
    });
  }

  async redispatch(scope: SystemScope, attempts: readonly AttemptKey[]): Promise<number> {
    const expected = new Map(attempts.map(({ scanId, attempt }) => [scanId, attempt]));
    return this.#database.transaction(scope, async (transaction) => {
      const { rows } = await transaction.query<ActiveScan>(activeAmongStatement, [[...expected.keys()].filter(isUuid)]);
      const current = rows.filter(({ id, attempt, admittedAt }) => admittedAt !== null && expected.get(id) === attempt);
      await this.#jobs.send(
        transaction,
        current.map(({ id, organizationId, attempt }) => ({
          queue: 'dispatch',
          message: { scanId: id, organizationId, attempt, traceparent: null },
        })),
      );
      return current.length;
    });
  }

  async heldPlaces(scope: SystemScope, before: Date, limit: number): Promise<readonly AttemptKey[]> {
    const { rows } = await this.#database.query<AttemptKey>(scope, heldPlacesStatement, [before, limit]);
    return rows;
  }

  async freePlaces(scope: SystemScope, { attempts, limits, at }: FreePlacesCommand): Promise<number> {
    if (attempts.length === 0) return 0;
    return this.#database.transaction(scope, async (transaction) => {
      const freed = await freePlaces(transaction, attempts);
      if (freed > 0) await admit(transaction, this.#jobs, limits, at);
      return freed;
    });
  }

  async expirePending(scope: SystemScope, { before, limit, at }: ExpirePendingCommand): Promise<readonly ExpiredScan[]> {
    return this.#database.transaction(scope, async (transaction) => {
      const { rows } = await transaction.query<ScanRow>(expirableStatement, [before, limit]);
      const expired: ExpiredScan[] = [];
      for (const scan of rows.map(toScan)) {
        const decision = decideExpiry(scan, neverStarted, at);
        if (decision.kind !== 'apply') continue;
        await saveScan(transaction, scan, decision.change);
        expired.push({ id: scan.id, organizationId: scan.organizationId, sequence: decision.change.scan.sequence });
      }
      await this.#jobs.send(
        transaction,
        expired.map(({ id, organizationId }) => ({
          queue: 'delete-artifacts',
          message: { organizationId, scanId: id, type: null, keep: [] },
        })),
      );
      return expired;
    });
  }

  async collectDiscarded(scope: SystemScope, limit: number): Promise<number> {
    await this.#database.transaction(scope, deleteExpiredKeys);
    let collected = 0;
    while (collected < limit) {
      const count = await this.#database.transaction(scope, (transaction) => collectDiscardedRun(transaction, limit - collected));
      if (count === null) break;
      collected += count;
    }
    return collected;
  }

  async removeEnded(scope: SystemScope, command: EndedScansCommand): Promise<EndedScans> {
    return this.#database.transaction(scope, (transaction) => removeEnded(transaction, this.#jobs, command));
  }

  async findEnded(scope: SystemScope, command: EndedScansCommand): Promise<EndedScans> {
    return this.#database.transaction(scope, (transaction) => findEnded(transaction, command));
  }

  async partitionMonths(scope: SystemScope): Promise<readonly Date[]> {
    return this.#database.transaction(scope, partitionMonths);
  }

  async missingPartitions(scope: SystemScope, from: Date, months: number): Promise<readonly string[]> {
    return this.#ofMonths(scope, from, months, missingPartitionsOf);
  }

  async ensurePartitions(scope: SystemScope, from: Date, months: number): Promise<readonly string[]> {
    return this.#ofMonths(scope, from, months, ensurePartitionsOf);
  }

  async queueStatistics(scope: SystemScope): Promise<QueueStatistics> {
    const { rows } = await this.#database.query<QueueStatistics>(scope, statisticsStatement);
    return rows[0]!;
  }

  /** Each month in a transaction of its own. */
  async #ofMonths(
    scope: SystemScope,
    from: Date,
    months: number,
    work: (transaction: Transaction, month: Date) => Promise<readonly string[]>,
  ): Promise<readonly string[]> {
    const names: string[] = [];
    for (let ahead = 0; ahead < months; ahead += 1) {
      const month = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + ahead));
      names.push(...(await this.#database.transaction(scope, (transaction) => work(transaction, month))));
    }
    return names;
  }

  /** The order of locks is that of every command: the scans are locked, admission comes last. Answers who was admitted. */
  async #saveEnds(transaction: Transaction, changes: readonly ScanChange[], { limits, at }: AdmitCommand): Promise<Admitted> {
    await saveScans(transaction, changes);
    const over = changes.filter(({ change }) => !isActive(change.scan));
    await this.#jobs.send(
      transaction,
      over.flatMap(({ change }) => leftoversOf(change.scan)),
    );
    await chargeUsage(
      transaction,
      changes.map(({ before }) => before),
      limits,
      at,
    );
    return admit(transaction, this.#jobs, limits, at);
  }
}

function isDispatchable(scan: Scan, attempt: number): boolean {
  return scan.attempt === attempt && scan.admittedAt !== null && (scan.status === 'queued' || scan.status === 'running');
}
