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
  name: 'hold-places',
  text: `INSERT INTO held_places (scan_id, attempt, organization_id, ended_at)
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::timestamptz[])
    ON CONFLICT DO NOTHING`,
};

/** Holds the places of attempts that end in this transaction, given as they were before: their Jobs may still run. */
export async function holdPlaces(transaction: Transaction, ended: readonly Scan[], at: Date): Promise<void> {
  const admitted = ended.filter(({ admittedAt }) => admittedAt !== null);
  if (admitted.length === 0) return;
  await transaction.query(holdStatement, [
    admitted.map(({ id }) => id),
    admitted.map(({ attempt }) => attempt),
    admitted.map(({ organizationId }) => organizationId),
    admitted.map(() => at),
  ]);
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
