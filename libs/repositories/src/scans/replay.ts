import type { OrganizationScope } from '@cloudscan/auth';
import type { Transaction } from '@cloudscan/database';
import type { Scan } from '@cloudscan/domain';
import { findKey } from './idempotency.ts';
import { readScan } from './scan-store.ts';

/** What an earlier use of an idempotency key makes of a request; null when there was none. */
export async function replayOf(
  transaction: Transaction,
  scope: OrganizationScope,
  { key, requestHash }: { readonly key: string; readonly requestHash: string },
  at: Date,
): Promise<{ readonly kind: 'replayed'; readonly scan: Scan } | { readonly kind: 'key_conflict' } | null> {
  const use = await findKey(transaction, scope.organizationId, key, at);
  if (use === null) return null;
  const scan = use.requestHash === requestHash ? await readScan(transaction, scope, use.scanId) : null;
  return scan === null ? { kind: 'key_conflict' } : { kind: 'replayed', scan };
}
