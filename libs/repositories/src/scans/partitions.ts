import type { Statement, Transaction } from '@cloudscan/database';

const statement: Statement = { name: 'ensure-partition', text: 'SELECT ensure_partition($1) AS made' };

/** Makes the partitions of a month where they are missing; answers their names. The transaction must work as the system. */
export async function ensurePartitionsOf(transaction: Transaction, month: Date): Promise<readonly string[]> {
  // As text, since a Date would be turned into the session's time zone.
  const { rows } = await transaction.query<{ made: readonly string[] }>(statement, [month.toISOString().slice(0, 10)]);
  return rows[0]!.made;
}
