import type { Statement, Transaction } from '@cloudscan/database';

/** How long a key stands for its request. */
const lifetime = `interval '24 hours'`;

export interface KeyUse {
  readonly requestHash: string;
  readonly scanId: string;
}

const findStatement: Statement = {
  name: 'find-idempotency-key',
  text: `SELECT request_hash AS "requestHash", scan_id AS "scanId" FROM idempotency_keys
    WHERE organization_id = $1 AND key = $2 AND created_at > coalesce($3, now()) - ${lifetime}`,
};

/** The use of a key in the 24 hours before `at`, or before the server's now. */
export async function findKey(transaction: Transaction, organizationId: string, key: string, at: Date | null): Promise<KeyUse | null> {
  const { rows } = await transaction.query<KeyUse>(findStatement, [organizationId, key, at]);
  return rows[0] ?? null;
}

// An expired key is taken over. A use that is not committed yet is waited for.
const claimStatement: Statement = {
  name: 'claim-idempotency-key',
  text: `INSERT INTO idempotency_keys (organization_id, key, request_hash, scan_id, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (organization_id, key) DO UPDATE SET request_hash = excluded.request_hash, scan_id = excluded.scan_id, created_at = excluded.created_at
    WHERE idempotency_keys.created_at <= excluded.created_at - ${lifetime}`,
};

/** False when somebody else's use of the key stands. */
export async function claimKey(transaction: Transaction, organizationId: string, key: string, use: KeyUse, at: Date): Promise<boolean> {
  const { rowCount } = await transaction.query(claimStatement, [organizationId, key, use.requestHash, use.scanId, at]);
  return rowCount === 1;
}

/** Deletes the keys that no longer stand for anything. */
export async function deleteExpiredKeys(transaction: Transaction): Promise<void> {
  await transaction.query({ name: 'delete-expired-keys', text: `DELETE FROM idempotency_keys WHERE created_at <= now() - ${lifetime}` });
}
