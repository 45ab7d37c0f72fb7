import { randomBytes } from 'node:crypto';
import { Secret } from '@cloudscan/config';
import type { DatabaseConfig } from '@cloudscan/database';
import type { ExecutionContext } from 'ava';
import pg from 'pg';

export interface EmptyDatabase {
  /** Of the server's administrator. */
  readonly config: DatabaseConfig;
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/**
 * A database without anything in it, on the server of `TEST_DATABASE_URL`, dropped at teardown. The testing library clones
 * migrated ones, and so stands above the migrations.
 */
export async function emptyDatabase(t: ExecutionContext, owner?: string): Promise<EmptyDatabase> {
  const server = serverConfig();
  const name = `test_empty_${randomBytes(8).toString('hex')}`;
  await queryOn(server, `CREATE DATABASE ${name} ${owner === undefined ? '' : `OWNER ${owner}`}`);
  t.teardown(async () => void (await queryOn(server, `DROP DATABASE ${name} WITH (FORCE)`)));
  const config = { ...server, name };
  return { config, query: (text, values) => queryOn(config, text, values) };
}

/** A session of its own, for what takes more than one statement. */
export async function withClient<T>(
  { host, port, user, password, name }: DatabaseConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ host, port, user, password: password.reveal(), database: name });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function queryOn<Row extends object>(config: DatabaseConfig, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
  return withClient(config, async (client) => (await client.query<Row>(text, [...values])).rows);
}

function serverConfig(): DatabaseConfig {
  const text = process.env['TEST_DATABASE_URL'];
  if (text === undefined) throw new Error('TEST_DATABASE_URL is not set; run the tests by "npm test"');
  const url = new URL(text);
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: new Secret(decodeURIComponent(url.password)),
    name: url.pathname.slice(1),
    sslMode: 'disable',
    maxConnections: 4,
    minConnections: 0,
  };
}
