import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '@cloudscan/config';
import { systemScope } from '@cloudscan/auth';
import { Database, lockIds } from '@cloudscan/database';
import { createLogins, dumpSchema, groupRoles, migrate, rollback, status } from '../src/index.ts';
import test from 'ava';
import { PgBoss } from 'pg-boss';
import { emptyDatabase, withClient } from './empty-database.ts';

const root = join(import.meta.dirname, '..');

test('an empty database becomes the committed schema; again changes nothing; down and up gives the same', async (t) => {
  const { config, query } = await emptyDatabase(t);
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
  const { config } = await emptyDatabase(t);
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
  const { config } = await emptyDatabase(t);
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

test('what organizations kept before there were totals is counted', async (t) => {
  const { config, query } = await emptyDatabase(t);
  await migrate(config);
  await query('DROP TABLE storage.organizations');
  await query(`DELETE FROM storage.migrations WHERE name LIKE '%create-organizations'`);
  await query(
    `INSERT INTO storage.artifacts (id, organization_id, type, filename, content_type, size_bytes, sha256, object_key, status, created_at, expires_at)
     SELECT gen_random_uuid(), ('019bc700-0000-7000-8000-00000000000' || n % 2)::uuid, 'log', 'f', 'a/b', n, '', n::text, 'available', now(), now() FROM generate_series(1, 5) AS n`,
  );
  await migrate(config);
  const kept = await query(
    'SELECT right(organization_id::text, 1) AS name, used_bytes::int, used_artifacts::int FROM storage.organizations ORDER BY 1',
  );
  t.deepEqual(kept, [
    { name: '0', used_bytes: 6, used_artifacts: 2 },
    { name: '1', used_bytes: 9, used_artifacts: 3 },
  ]);
});

test('what a process that died left locked does not keep the next from migrating', async (t) => {
  const { config, query } = await emptyDatabase(t);
  await migrate(config);
  await query('UPDATE public.migrations_lock SET is_locked = 1');
  await query(`DELETE FROM public.migrations WHERE name LIKE '%ensure-partition'`);
  await query('DROP FUNCTION ensure_partition(date)');
  await migrate(config);
  t.deepEqual((await status(config)).missing, []);
});

test('an owner that is no superuser can migrate, and partitions are made in its name', async (t) => {
  const admin = await emptyDatabase(t);
  const suffix = randomBytes(6).toString('hex');
  const owner = { user: `owner_${suffix}`, password: new Secret('owner') };
  const logins = {
    orchestrator: { user: `orchestrator_${suffix}`, password: new Secret('login') },
    storage: { user: `storage_${suffix}`, password: new Secret('login') },
  };
  await admin.query(`CREATE ROLE ${owner.user} LOGIN CREATEROLE PASSWORD 'owner'`);
  await createLogins(admin.config, logins);
  t.teardown(async () => void (await admin.query(`DROP ROLE ${owner.user}, ${logins.orchestrator.user}, ${logins.storage.user}`)));
  const { config } = await emptyDatabase(t, owner.user);
  await migrate({ ...config, ...owner });
  t.is(await dumpSchema({ ...config, ...owner }), await readFile(join(root, 'schema.sql'), 'utf8'));

  await using database = await Database.connect({ ...config, ...logins.orchestrator }, { applicationName: 'test', roles: groupRoles });
  const { rows } = await database.query<{ made: string[] }>(systemScope('test'), `SELECT ensure_partition('2035-02-17') AS made`);
  t.deepEqual(rows[0]!.made, ['findings_2035_02', 'scan_events_2035_02', 'scan_run_batches_2035_02', 'scan_runs_2035_02', 'scans_2035_02']);
  await t.throwsAsync(database.query(systemScope('test'), 'CREATE TABLE public.mine ()'), { code: 'internal' });
});

test('logins are members of their groups, inherit nothing, and take the password of the last call', async (t) => {
  const { config, query } = await emptyDatabase(t);
  const suffix = randomBytes(6).toString('hex');
  const logins = (password: string): Parameters<typeof createLogins>[1] => ({
    orchestrator: { user: `orchestrator-${suffix}`, password: new Secret(password) },
    storage: { user: `storage-${suffix}`, password: new Secret(password) },
  });
  t.teardown(async () => void (await query(`DROP ROLE "orchestrator-${suffix}", "storage-${suffix}"`)));
  await Promise.all([1, 2, 3, 4].map(() => createLogins(config, logins(`it's "one"`))));
  await createLogins(config, logins(`it's \\two`));
  await using database = await Database.connect(
    { ...config, ...logins(`it's \\two`).orchestrator },
    { applicationName: 'test', roles: groupRoles },
  );
  t.is((await database.query(systemScope('test'), 'SELECT')).rowCount, 1);
  const memberships = await query(
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
  const { config } = await emptyDatabase(t);
  await migrate(config);
  await withClient(config, async (client) => {
    await client.query(`SET timezone = 'Pacific/Auckland'; BEGIN; SELECT ensure_partition('2036-02-29')`);
    const lock = await client.query(`SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objid = $1`, [
      lockIds.partitions,
    ]);
    t.is(lock.rowCount, 1);
    const locks = await client.query<{ mode: string }>(
      `SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = ANY ('{scans,findings,scan_events}'::regclass[])`,
    );
    for (const { mode } of locks.rows) t.true(['AccessShareLock', 'ShareUpdateExclusiveLock'].includes(mode), mode);
    await client.query(`COMMIT; SET timezone = 'UTC'`);
    const { rows } = await client.query<{ bound: string }>(
      `SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname = 'scans_2036_02'`,
    );
    t.deepEqual(rows, [{ bound: `FOR VALUES FROM ('2036-02-01 00:00:00+00') TO ('2036-03-01 00:00:00+00')` }]);
  });
});

test('pg-boss finds its schema as it wants it', async (t) => {
  const { config } = await emptyDatabase(t);
  await migrate(config);
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
      [
        'attest',
        'attest-dead-letters',
        'delete-artifacts',
        'delete-artifacts-dead-letters',
        'dispatch',
        'dispatch-dead-letters',
        'stop-job',
        'stop-job-dead-letters',
      ],
    );
    t.like(
      queues.find(({ name }) => name === 'dispatch'),
      { policy: 'exclusive', partition: true, notify: true, deadLetter: 'dispatch-dead-letters', retryLimit: 8, heartbeatSeconds: 10 },
    );
  } finally {
    await boss.stop({ graceful: false });
  }
});
