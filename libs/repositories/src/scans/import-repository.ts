import type { OrganizationScope } from '@cloudscan/auth';
import type { Database, Statement } from '@cloudscan/database';
import type {
  AddImportedFindingsCommand,
  BeginImportCommand,
  CompleteImportCommand,
  CompleteImportResult,
  ImportKey,
  ImportRepository,
} from '@cloudscan/orchestration';
import { addBatch } from './add-batch.ts';
import { claimKey } from './idempotency.ts';
import { withPartitionsOf } from './partitions.ts';
import { lockProject } from './project-lock.ts';
import { replayOf } from './replay.ts';
import { openRun, runCounters } from './runs.ts';
import type { RunScan } from './runs.ts';
import { scanKey } from './scan-rows.ts';
import { insertScan } from './scan-store.ts';
import { importAttempt, imported } from './transitions.ts';

/*
 * The row in discarded_runs is the import's lease and its mutex. Its times are the database's alone, and are asked for when the row is
 * locked, not when the transaction began: so of an import and the collector one finds that it came too late.
 */
const leaseStatement: Statement = {
  name: 'lease-import',
  text: `INSERT INTO discarded_runs (scan_id, run_id, scan_created_at, organization_id, created_at, due_at)
    VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')`,
};

const lockStatement: Statement = {
  name: 'lock-import',
  text: `SELECT FROM discarded_runs WHERE scan_id = $1 AND run_id = $2 AND organization_id = $3 AND due_at > clock_timestamp() FOR UPDATE`,
};

const renewStatement: Statement = {
  name: 'renew-import',
  text: `UPDATE discarded_runs SET due_at = clock_timestamp() + $4 * interval '1 millisecond'
    WHERE scan_id = $1 AND run_id = $2 AND organization_id = $3 AND due_at > clock_timestamp()`,
};

const takeBackStatement: Statement = {
  name: 'take-back-import',
  text: 'DELETE FROM discarded_runs WHERE scan_id = $1 AND run_id = $2 AND organization_id = $3',
};

const abandonStatement: Statement = {
  name: 'abandon-import',
  text: 'UPDATE discarded_runs SET due_at = now() WHERE scan_id = $1 AND run_id = $2 AND organization_id = $3 AND due_at > now()',
};

/** Imports in PostgreSQL. */
export class PgImportRepository implements ImportRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async begin(scope: OrganizationScope, command: BeginImportCommand): Promise<boolean> {
    const scan = runScanOf(scope, command);
    return withPartitionsOf(this.#database, scope, scan.createdAt, async (transaction) => {
      if (!(await lockProject(transaction, scope, command.projectId))) return false;
      await openRun(transaction, scan, command.runId, command.at);
      const { id, createdAt, organizationId } = scan;
      await transaction.query(leaseStatement, [id, command.runId, createdAt, organizationId, command.at, command.leaseMs]);
      return true;
    });
  }

  async addFindings(scope: OrganizationScope, command: AddImportedFindingsCommand): Promise<boolean> {
    const { runId, batchKey, findings, leaseMs } = command;
    return this.#database.transaction(scope, async (transaction) => {
      const { rowCount } = await transaction.query(renewStatement, [...keyOf(scope, command), leaseMs]);
      if (rowCount === 0) return false;
      await addBatch(transaction, runScanOf(scope, command), { runId, key: batchKey, findings });
      return true;
    });
  }

  async complete(scope: OrganizationScope, command: CompleteImportCommand): Promise<CompleteImportResult> {
    const { idempotency, scanId, at } = command;
    const { organizationId } = scope;
    return this.#database.transaction(scope, async (transaction): Promise<CompleteImportResult> => {
      if (!(await lockProject(transaction, scope, command.projectId))) return { kind: 'project_not_found' };
      const lease = await transaction.query(lockStatement, keyOf(scope, command));
      if (lease.rowCount === 0) return { kind: 'expired' };
      if (idempotency !== null) {
        const { key, requestHash } = idempotency;
        // Waits for another import with the key that is about to commit.
        if (!(await claimKey(transaction, organizationId, key, { requestHash, scanId }, at))) {
          return (await replayOf(transaction, scope, idempotency, at)) ?? { kind: 'key_conflict' };
        }
      }
      await transaction.query(takeBackStatement, keyOf(scope, command));
      const scan = runScanOf(scope, command);
      const change = imported(organizationId, command, scan.createdAt, await runCounters(transaction, scan, command.runId));
      await insertScan(transaction, change);
      return { kind: 'created', scan: change.scan };
    });
  }

  async abandon(scope: OrganizationScope, key: ImportKey): Promise<void> {
    await this.#database.query(scope, abandonStatement, keyOf(scope, key));
  }
}

function keyOf({ organizationId }: OrganizationScope, { scanId, runId }: ImportKey): readonly [string, string, string] {
  return [scanId, runId, organizationId];
}

function runScanOf({ organizationId }: OrganizationScope, { scanId }: ImportKey): RunScan {
  const key = scanKey(scanId);
  if (key === null) throw new Error(`${scanId} is no id of a scan`);
  return { id: scanId, createdAt: key[1], organizationId, attempt: importAttempt };
}
