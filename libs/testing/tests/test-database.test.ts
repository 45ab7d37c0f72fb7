import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { Database, orchestratorRoles } from '@cloudscan/database';
import { testDatabase, testDatabaseServer } from '../src/database/test-database.ts';
import type { TestDatabase } from '../src/database/test-database.ts';
import { eventually } from '../src/eventually.ts';
import { testFile } from '../src/test-file.ts';
import type { Teardown } from '../src/test-file.ts';

const file = testFile(test);
const scope = systemScope('test');

/** Runs what a fixture registered, as ava does at the end of a test. */
class Teardowns implements Teardown {
  readonly #callbacks: (() => void | Promise<void>)[] = [];

  teardown(callback: () => void | Promise<void>): void {
    this.#callbacks.push(callback);
  }

  async run(): Promise<void> {
    for (const callback of this.#callbacks.toReversed()) await callback();
  }
}

let shared: TestDatabase;
test.before(async () => {
  shared = await testDatabase(file);
});

async function databaseExists(name: string): Promise<boolean> {
  return (await shared.query('SELECT FROM pg_database WHERE datname = $1', [name])).length === 1;
}

test('gives a migrated database to the login of the orchestrator', async (t) => {
  const { rows } = await shared.database.query<{ role: string; scans: number }>(
    scope,
    'SELECT current_user AS role, count(*) AS scans FROM scans',
  );
  t.deepEqual(rows, [{ role: orchestratorRoles.system, scans: 0 }]);
});

test('gives each caller a database of its own and drops it at teardown', async (t) => {
  const teardowns = new Teardowns();
  const [first, second] = await Promise.all([testDatabase(teardowns), testDatabase(teardowns)]);
  t.not(first.config.name, second.config.name);
  await teardowns.run();
  t.false(await databaseExists(first.config.name));
});

test('fails at teardown when a pool still holds a connection, and drops the database all the same', async (t) => {
  const teardowns = new Teardowns();
  const { config } = await testDatabase(teardowns);
  const leaked = await Database.connect(config, { applicationName: 'leaky', roles: orchestratorRoles });
  await t.throwsAsync(teardowns.run(), { message: /leaks 1 database connection\(s\): leaky/ });
  t.false(await databaseExists(config.name));
  await leaked.stop();
});

test('cuts connections, after which the pool connects again', async (t) => {
  const { database, cutConnections } = await testDatabase(t);
  await database.ping();
  await cutConnections();
  t.truthy(await eventually(() => database.ping().then(() => true)));
});

test('runs a server that a test can stop and start again, with the data kept', async (t) => {
  const server = await testDatabaseServer(t);
  await server.query('CREATE TABLE kept (id int)');
  await server.stopServer();
  await t.throwsAsync(server.database.ping(), { code: 'unavailable' });
  await server.startServer();
  await eventually(() => server.database.ping().then(() => true));
  t.deepEqual(await server.query('SELECT * FROM kept'), []);
});
