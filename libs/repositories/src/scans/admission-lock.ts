import { lockIds } from '@cloudscan/database';
import type { Transaction } from '@cloudscan/database';

/**
 * Until the transaction ends nobody else admits, so that what is counted stays true until what follows from it is there for
 * all to see. In READ COMMITTED the next statement sees all that was committed before the lock was given.
 */
export async function lockAdmission(transaction: Transaction): Promise<void> {
  await transaction.query({ name: 'lock-admission', text: 'SELECT pg_advisory_xact_lock($1)' }, [lockIds.admission]);
}
