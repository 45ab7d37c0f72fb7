import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '@cloudscan/config';
import { systemScope } from '@cloudscan/auth';
import { Database } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { createLogins, dumpSchema, groupRoles, migrate, rollback, status } from '@cloudscan/migrations';
import { testDatabase } from '@cloudscan/testing';
import type { TestDatabase } from '@cloudscan/testing';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import pg from 'pg';
import { PgBoss } from 'pg-boss';

const root = join(import.meta.dirname, '..');

interface EmptyDatabase {
  readonly config: DatabaseConfig;
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** A database without anything in it, beside a migrated one of the same cluster. */
async function emptyDatabase(t: ExecutionContext, { adminConfig, query }: TestDatabase, owner = 'postgres'): Promise<EmptyDatabase> {
  const name = `test_empty_${randomBytes(8).toString('hex')}`;
  await query(`CREATE DATABASE ${name} OWNER ${owner}`);
  t.teardown(async () => void (await query(`DROP DATABASE ${name} WITH (FORCE)`)));
  const config = { ...adminConfig, name };
  return {
    config,
    query: async <Row extends object>(text: string, values: readonly unknown[] = []) => {
      const client = new pg.Client({
        host: config.host,
        port: config.port,
        user: config.user,
        password: config.password.reveal(),
        database: name,
      });
      await client.connect();
      try {
        return (await client.query<Row>(text, [...values])).rows;
      } finally {
        await client.end();
      }
    },
  };
}

test('an empty database becomes the committed schema; again changes nothing; down and up gives the same', async (t) => {
  const { config, query } = await emptyDatabase(t, await testDatabase(t));
  const committed = await readFile(join(root, 'schema.sql'), 'utf8');
  const first: string[] = [];
  await migrate(config, (line) => first.push(line));
  t.true(first.length > 20);
  t.is(await dumpSchema(config), committed);

  const second: string[] = [];
  await migrate(config, (line) => second.push(line));
  t.deepEqual(second, []);
  t.is(await dumpSchema(config), committed);

  await rollback(config);
  const left = await query<{ name: string }>(
    `SELECT relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname IN ('public', 'storage', 'pgboss') AND relkind IN ('r', 'p', 'v') AND relname NOT LIKE 'migrations%'
     UNION ALL SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IN ('public', 'storage', 'pgboss')`,
  );
  t.deepEqual(left, []);
  await rollback(config);
  await migrate(config);
  t.is(await dumpSchema(config), committed);
});

test('twenty at once: each migration is applied once and all return with it done', async (t) => {
  const { config } = await emptyDatabase(t, await testDatabase(t));
  const log: string[] = [];
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      await migrate(config, (line) => log.push(line));
      t.deepEqual((await status(config)).missing, []);
    }),
  );
  t.is(new Set(log).size, log.length);
});

test('the program migrates in several processes at once, says what it did, and reports the state', async (t) => {
  const { config } = await emptyDatabase(t, await testDatabase(t));
  const env = {
    PATH: process.env['PATH'],
    DB_HOST: config.host,
    DB_PORT: String(config.port),
    DB_USER: config.user,
    DB_PASSWORD: config.password.reveal(),
    DB_NAME: config.name,
  };
  const run = (...args: readonly string[]): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, ['--conditions=@cloudscan/source', join(root, 'src/main.ts'), ...args], { env });
  t.regex((await run('status')).stdout, /^missing {2}orchestrator\/20261123180000-create-organizations-and-projects$/m);
  const outputs = await Promise.all([run(), run('up'), run('up')]);
  t.is(outputs.filter(({ stdout }) => stdout.includes('applied')).length, 1);
  t.notRegex((await run('status')).stdout, /missing/);
  const wrong = await t.throwsAsync<Error & { code: number; stderr: string }>(run('sideways'));
  t.like(wrong, { code: 2 });
  t.regex(wrong.stderr, /"sideways"; it must be up, down or status/);
  env.DB_PORT = 'x';
  const misconfigured = await t.throwsAsync<Error & { code: number; stderr: string }>(run());
  t.like(misconfigured, { code: 2 });
  t.regex(misconfigured.stderr, /DB_PORT/);
});

test('what a process that died left locked does not keep the next from migrating', async (t) => {
  const { config, query } = await emptyDatabase(t, await testDatabase(t));
  await migrate(config);
  await query('UPDATE public.migrations_lock SET is_locked = 1');
  await query(`DELETE FROM public.migrations WHERE name LIKE '%ensure-partition'`);
  await query('DROP FUNCTION ensure_partition(date)');
  await migrate(config);
  t.deepEqual((await status(config)).missing, []);
});

test('an owner that is no superuser can migrate', async (t) => {
  const db = await testDatabase(t);
  const owner = `owner_${randomBytes(6).toString('hex')}`;
  await db.query(`CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'owner'`);
  t.teardown(async () => void (await db.query(`DROP ROLE ${owner}`)));
  const empty = await emptyDatabase(t, db, owner);
  const config = { ...empty.config, user: owner, password: new Secret('owner') };
  await migrate(config);
  t.is(await dumpSchema(config), await readFile(join(root, 'schema.sql'), 'utf8'));
  // SECURITY DEFINER: the caller cannot make tables, the owner can.
  const login = { ...empty.config, user: db.config.user, password: db.config.password, maxConnections: 2 };
  await using database = await Database.connect(login, { applicationName: 'test', roles: groupRoles });
  const { rows } = await database.query<{ made: string[] }>(systemScope('test'), `SELECT ensure_partition('2035-02-17') AS made`);
  t.deepEqual(rows[0]!.made, ['findings_2035_02', 'scan_events_2035_02', 'scan_run_batches_2035_02', 'scan_runs_2035_02', 'scans_2035_02']);
});

test('logins are members of their groups, inherit nothing, and take the password of the last call', async (t) => {
  const db = await testDatabase(t);
  const suffix = randomBytes(6).toString('hex');
  const logins = (password: string): Parameters<typeof createLogins>[1] => ({
    orchestrator: { user: `orchestrator-${suffix}`, password: new Secret(password) },
    storage: { user: `storage-${suffix}`, password: new Secret(password) },
  });
  t.teardown(async () => void (await db.query(`DROP ROLE "orchestrator-${suffix}", "storage-${suffix}"`)));
  await Promise.all([1, 2, 3, 4].map(() => createLogins(db.adminConfig, logins(`it's "one"`))));
  await createLogins(db.adminConfig, logins(`it's \\two`));
  const config = { ...db.adminConfig, ...logins(`it's \\two`).orchestrator, maxConnections: 2, minConnections: 0 };
  await using database = await Database.connect(config, { applicationName: 'test', roles: groupRoles });
  t.is((await database.query(systemScope('test'), 'SELECT FROM scans')).rowCount, 0);
  const memberships = await db.query(
    `SELECT member.rolname AS login, role.rolname AS role, member.rolinherit FROM pg_auth_members
     JOIN pg_roles member ON member.oid = pg_auth_members.member JOIN pg_roles role ON role.oid = roleid WHERE member.rolname LIKE $1 ORDER BY 1, 2`,
    [`%${suffix}`],
  );
  t.deepEqual(memberships, [
    { login: `orchestrator-${suffix}`, role: 'cloudscan_app', rolinherit: false },
    { login: `orchestrator-${suffix}`, role: 'cloudscan_system', rolinherit: false },
    { login: `storage-${suffix}`, role: 'cloudscan_storage', rolinherit: false },
  ]);
});

test('partitions begin and end at midnight UTC, whatever the session’s time zone is, and are attached without shutting readers out', async (t) => {
  const { config, query } = await emptyDatabase(t, await testDatabase(t));
  await migrate(config);
  const client = new pg.Client({
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password.reveal(),
    database: config.name,
  });
  await client.connect();
  try {
    await client.query(`SET timezone = 'Pacific/Auckland'; BEGIN; SELECT ensure_partition('2036-02-29')`);
    const { rows } = await client.query<{ mode: string }>(
      `SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = ANY ('{scans,findings,scan_events}'::regclass[])`,
    );
    t.true(
      rows.every(({ mode }) => mode === 'AccessShareLock' || mode === 'ShareUpdateExclusiveLock'),
      JSON.stringify(rows),
    );
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
  const [row] = await query<{ bound: string }>(`SET timezone = 'UTC'; SELECT 1`).then(() =>
    query<{ bound: string }>(`SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname = 'scans_2036_02'`),
  );
  t.is(row!.bound, `FOR VALUES FROM ('2036-02-01 00:00:00+00') TO ('2036-03-01 00:00:00+00')`);
});

test('pg-boss finds its schema as it wants it', async (t) => {
  const { adminConfig: config } = await testDatabase(t);
  const boss = new PgBoss({
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password.reveal(),
    database: config.name,
    migrate: false,
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => t.fail(String(error)));
  await boss.start();
  try {
    t.like(await boss.detectSchemaDrift(), { ok: true, missingTables: [], missing: [], mismatched: [] });
    const queues = await boss.getQueues();
    t.deepEqual(
      queues.map(({ name }) => name),
      ['delete-artifacts', 'delete-artifacts-dead-letters', 'dispatch', 'dispatch-dead-letters', 'stop-job', 'stop-job-dead-letters'],
    );
    t.like(
      queues.find(({ name }) => name === 'dispatch'),
      { policy: 'exclusive', partition: true, notify: true, deadLetter: 'dispatch-dead-letters', retryLimit: 8, heartbeatSeconds: 10 },
    );
  } finally {
    await boss.stop({ graceful: false });
  }
});
