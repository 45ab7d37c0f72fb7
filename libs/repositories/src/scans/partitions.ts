import type { Scope } from '@cloudscan/auth';
import { errorCode, sqlStates } from '@cloudscan/database';
import type { Database, Statement, Transaction } from '@cloudscan/database';

const ensureStatement: Statement = { name: 'ensure-partition', text: 'SELECT ensure_partition($1) AS made' };

/** Makes the partitions of a month where they are missing; answers their names. The transaction must work as the system. */
export async function ensurePartitionsOf(transaction: Transaction, month: Date): Promise<readonly string[]> {
  // As text, since a Date would be turned into the session's time zone.
  const { rows } = await transaction.query<{ made: readonly string[] }>(ensureStatement, [month.toISOString().slice(0, 10)]);
  return rows[0]!.made;
}

/** Runs `work`, which writes rows of a month, in one transaction; once more when that month had no partitions, which are then there. */
export async function withPartitionsOf<T>(
  database: Database,
  scope: Scope,
  month: Date,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await database.transaction(scope, work);
  } catch (error) {
    if (!isMissingPartition(error)) throw error;
    await database.transaction(scope, async (transaction) => {
      await transaction.becomeSystem();
      await ensurePartitionsOf(transaction, month);
    });
    return database.transaction(scope, work);
  }
}

/** PostgreSQL reports a row without a partition as a check violation; the second try shows any other. */
function isMissingPartition(error: unknown): boolean {
  return errorCode((error as Error).cause) === sqlStates.checkViolation;
}

// Names as `ensure_partition` gives them.
const missingStatement: Statement = {
  name: 'missing-partitions',
  text: `SELECT leaf.name FROM pg_class AS parent CROSS JOIN LATERAL (SELECT parent.relname || to_char($1::date, '_YYYY_MM') AS name) AS leaf
    WHERE parent.relnamespace = 'public'::regnamespace AND parent.relkind = 'p' AND to_regclass(format('public.%I', leaf.name)) IS NULL
    ORDER BY leaf.name`,
};

/** The partitions that {@link ensurePartitionsOf} would make. */
export async function missingPartitionsOf(transaction: Transaction, month: Date): Promise<readonly string[]> {
  const { rows } = await transaction.query<{ name: string }>(missingStatement, [month.toISOString().slice(0, 10)]);
  return rows.map(({ name }) => name);
}

const monthsStatement: Statement = {
  name: 'partition-months',
  text: `SELECT replace(right(leaf.relname, 7), '_', '-') AS month FROM pg_inherits JOIN pg_class AS leaf ON leaf.oid = inhrelid
    WHERE inhparent = 'public.scans'::regclass ORDER BY month`,
};

/** The months of the partitions of scans, oldest first. */
export async function partitionMonths(transaction: Transaction): Promise<readonly Date[]> {
  const { rows } = await transaction.query<{ month: string }>(monthsStatement);
  return rows.map(({ month }) => new Date(`${month}-01T00:00:00Z`));
}
