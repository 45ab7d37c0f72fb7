import type { Statement, Transaction } from '@cloudscan/database';
import type { Scan } from '@cloudscan/domain';
import type { AttemptKey } from '@cloudscan/orchestration';

/**
 * Minutes after the end of an attempt for which its place is held at most. Whoever is away for that long, the sweeper or a
 * node, does not bring all scanning to a halt.
 */
const limitMinutes = 5;

/** A condition on `held_places`: the place counts. */
export function isHeld(at: string): string {
  return `held_places.ended_at > ${at}::timestamptz - interval '${limitMinutes} minutes'`;
}

const holdStatement: Statement = {
  name: 'hold-place',
  text: `INSERT INTO held_places (scan_id, attempt, organization_id, ended_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING`,
};

/** Holds the place of an attempt that ends in this transaction, given as it was before: its Job may still run. */
export async function holdPlace(transaction: Transaction, ended: Scan, at: Date): Promise<void> {
  if (ended.admittedAt === null) return;
  await transaction.query(holdStatement, [ended.id, ended.attempt, ended.organizationId, at]);
}

const freeStatement: Statement = {
  name: 'free-places',
  text: `DELETE FROM held_places USING unnest($1::uuid[], $2::integer[]) AS over (scan_id, attempt)
    WHERE held_places.scan_id = over.scan_id AND held_places.attempt = over.attempt`,
};

/** Answers how many were held. */
export async function freePlaces(transaction: Transaction, attempts: readonly AttemptKey[]): Promise<number> {
  const { rowCount } = await transaction.query(freeStatement, [
    attempts.map(({ scanId }) => scanId),
    attempts.map(({ attempt }) => attempt),
  ]);
  return rowCount;
}

export const heldPlacesStatement: Statement = {
  name: 'held-places',
  text: `SELECT scan_id AS "scanId", attempt FROM held_places WHERE ended_at < $1 ORDER BY ended_at LIMIT $2`,
};
