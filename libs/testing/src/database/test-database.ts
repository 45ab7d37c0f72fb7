import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@cloudscan/config';
import { Database, orchestratorRoles } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { EmbeddedPostgres } from '@cloudscan/embedded-postgres';
import { eventually } from '../eventually.ts';
import type { Teardown } from '../test-file.ts';
import { configOf, serverConfig, withAdmin } from './admin.ts';
import { ensureTemplate, testLogins } from './template.ts';

export interface TestDatabase {
  /** Connected as the orchestrator's login. */
  readonly database: Database;
  /** Of the orchestrator's login, for a pool or a listener of the test's own. */
  readonly config: DatabaseConfig;
  /** Of the storage service's login. */
  readonly storageConfig: DatabaseConfig;
  /** Of the superuser. */
  readonly adminConfig: DatabaseConfig;
  /** Runs one statement as the superuser, past row-level security, to look at what is really there. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Cuts every connection to the database, as a restart of the server does (SQLSTATE 57P01). */
  cutConnections(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** Of the pool behind `database`; 10 by default. */
  readonly maxConnections?: number;
}

/**
 * A database of its own with every migration in it, cloned from a template and dropped at teardown. Fails at teardown when
 * something still holds a connection to it.
 */
export async function testDatabase(t: Teardown, options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  return cloneOn(serverConfig(), t, options);
}

export interface TestServer extends TestDatabase {
  /** The server of this database alone. Both are idempotent; the port stays the same. */
  startServer(): Promise<void>;
  stopServer(): Promise<void>;
}

/** As {@link testDatabase}, on a server of its own that the test can stop; that takes some two seconds. */
export async function testDatabaseServer(t: Teardown, options: TestDatabaseOptions = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-test-'));
  const server = new EmbeddedPostgres({
    folder,
    port: 0,
    password: new Secret(randomBytes(16).toString('hex')),
    settings: { fsync: 'off' },
  });
  t.teardown(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await server.start();
  t.teardown(() => server.start());
  const clone = await cloneOn(configOf(server.url), t, options);
  return { ...clone, startServer: () => server.start(), stopServer: () => server.stop() };
}

async function cloneOn(server: DatabaseConfig, t: Teardown, options: TestDatabaseOptions): Promise<TestDatabase> {
  const template = await ensureTemplate(server);
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withAdmin(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  t.teardown(() => dropWhenUnused(server, name));
  const adminConfig = { ...server, name };
  const config = { ...adminConfig, ...testLogins.orchestrator, maxConnections: options.maxConnections ?? 10 };
  const database = await Database.connect(config, { applicationName: 'test', roles: orchestratorRoles });
  t.teardown(() => closeUnused(database));
  return {
    database,
    config,
    storageConfig: { ...adminConfig, ...testLogins.storage },
    adminConfig,
    query: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      withAdmin(adminConfig, async (client) => (await client.query<Row>(text, [...values])).rows),
    cutConnections: () =>
      withAdmin(server, async (client) => {
        await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
      }),
  };
}

/** Milliseconds within which everything must have been given back. */
const releaseLimitMs = 3000;

async function closeUnused(database: Database): Promise<void> {
  const isIdle = (): boolean => database.poolUse.total === database.poolUse.idle;
  await eventually(isIdle, { timeoutMs: releaseLimitMs, what: 'the return of every connection to the pool' });
  await database.stop();
}

async function dropWhenUnused(server: DatabaseConfig, name: string): Promise<void> {
  await withAdmin(server, async (client) => {
    const users = async (): Promise<readonly string[]> => {
      const { rows } = await client.query<{ application_name: string }>(
        'SELECT application_name FROM pg_stat_activity WHERE datname = $1 AND backend_type = $2',
        [name, 'client backend'],
      );
      return rows.map((row) => row.application_name || 'unnamed');
    };
    const released = await eventually(async () => (await users()).length === 0, { timeoutMs: releaseLimitMs }).catch(() => false);
    const leaked = released ? [] : await users();
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    if (leaked.length > 0) throw new Error(`the test leaks ${leaked.length} database connection(s): ${leaked.join(', ')}`);
  });
}
