import { setTimeout as delay } from 'node:timers/promises';
import { lockIds } from '@cloudscan/database';
import type { Client } from 'pg';

/** Milliseconds between two looks at the lock. */
const pollMs = 100;

/**
 * Runs `work` while this session holds the lock of migrations. It polls, because a session that waits inside
 * `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY in the session that has the lock would wait for that
 * snapshot: a deadlock.
 */
export async function withMigrationLock<T>(client: Client, work: () => Promise<T>): Promise<T> {
  while (!(await tryLock(client))) await delay(pollMs);
  try {
    return await work();
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [lockIds.migrate]);
  }
}

async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [lockIds.migrate]);
  return rows[0]!.locked;
}
