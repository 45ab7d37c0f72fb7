import { clientConfig, errorCode, resolveTls } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import pg from 'pg';

/** SQLSTATE duplicate_database; unique_violation when two create it at the same moment. */
const alreadyThere = ['42P04', '23505'];

/** Makes an empty database beside the one that the configuration names, unless it is there. */
export async function createDatabase(adminConfig: DatabaseConfig, name: string): Promise<void> {
  const client = new pg.Client(clientConfig(adminConfig, await resolveTls(adminConfig), 'cloudscan-migrations'));
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } catch (error) {
    if (!alreadyThere.includes(errorCode(error) ?? '')) throw error;
  } finally {
    await client.end();
  }
}
