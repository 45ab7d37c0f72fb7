import { Database, orchestratorRoles } from '@cloudscan/database';
import type { Transaction } from '@cloudscan/database';
import { testFile } from '@cloudscan/testing';
import test from 'ava';
import { batch, bench, findingsOf, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

/** The wall of the database alone: raw statements, as if a repository had forgotten its WHERE. */
const file = testFile(test);
let b: Bench;
let owner: Tenant;
let stranger: Tenant;
test.before(async () => {
  b = await bench(file);
  owner = await b.tenant();
  stranger = await b.tenant();
  const scan = await owner.running({ idempotency: { key: 'k', requestHash: 'h' } });
  await b.scans.addFindings(owner.scope, batch(scan, null, '1', findingsOf(scan, 3)));
  await b.scans.endAttempt(system, {
    ...{
      scanId: scan.id,
      attempt: 1,
      reason: 'runner_lost',
      message: '',
      evidence: null,
      maxAttempts: 2,
      actor: 'sweeper',
      at: new Date(),
    },
    limits: { maxRunning: 1, maxRunningPerOrganization: 1, maxQueuedPerOrganization: 1, usageHalfLifeMs: 3_600_000 },
  });
});

const tenantTables = [
  'organizations',
  'projects',
  'scans',
  'scan_events',
  'findings',
  'scan_runs',
  'scan_run_batches',
  'discarded_runs',
  'active_scans',
  'organization_usage',
  'idempotency_keys',
];

async function count(transaction: Transaction, table: string): Promise<number> {
  const { rows } = await transaction.query<{ count: number }>(`SELECT count(*) AS count FROM ${table}`);
  return rows[0]!.count;
}

for (const table of tenantTables) {
  test(`${table}: an organization sees its own rows and no others, the system sees all`, async (t) => {
    const seen = (scope: Parameters<Database['transaction']>[0]): Promise<number> =>
      b.db.database.transaction(scope, (transaction) => count(transaction, table));
    const own = await seen(owner.scope);
    const foreign = await seen(stranger.scope);
    t.true(own > 0);
    t.is(foreign, table === 'organizations' || table === 'projects' ? 1 : 0);
    t.is(await seen(system), own + foreign);
  });
}

test('every table has row-level security forced, except those without tenants', async (t) => {
  const rows = await b.db.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY relname`,
  );
  t.deepEqual(
    rows.map(({ relname }) => relname),
    ['migrations', 'migrations_lock'],
  );
});

test('without an organization in the transaction nothing is seen, also after one that had it', async (t) => {
  await using database = await Database.connect(
    { ...b.db.config, maxConnections: 1, minConnections: 0 },
    { applicationName: 'test', roles: orchestratorRoles },
  );
  await database.transaction(owner.scope, async (transaction) => t.true((await count(transaction, 'scans')) > 0));
  await database.transaction(system, async (transaction) => {
    const { rows } = await transaction.query<{ setting: string | null }>(
      `SELECT current_setting('cloudscan.organization_id', true) AS setting`,
    );
    t.is(rows[0]!.setting, '', 'the trap: empty, not null');
    await transaction.query(`SET LOCAL ROLE ${orchestratorRoles.organization}`);
    for (const table of tenantTables) t.is(await count(transaction, table), 0, table);
  });
});

test('an organization cannot write into another, nor move a row there', async (t) => {
  const write = (text: string): Promise<unknown> => b.db.database.query(stranger.scope, text, [owner.organization.id]);
  const denied = { code: 'internal' };
  await t.throwsAsync(
    write(`INSERT INTO projects (id, organization_id, name, created_at, updated_at) VALUES (gen_random_uuid(), $1, 'x', now(), now())`),
    denied,
  );
  await t.throwsAsync(write('UPDATE projects SET organization_id = $1'), denied);
  for (const text of [
    'UPDATE projects SET name = name WHERE organization_id = $1',
    'DELETE FROM scans WHERE organization_id = $1',
    'DELETE FROM scan_events WHERE organization_id = $1',
  ]) {
    t.like(await write(text), { rowCount: 0 });
  }
});

test('no role may touch a partition', async (t) => {
  const leaves = await b.db.query<{ leaf: string }>(
    `SELECT relname AS leaf FROM pg_class WHERE relispartition AND relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  t.true(leaves.length >= 20);
  for (const role of [...Object.values(orchestratorRoles), 'cloudscan_storage']) {
    for (const privilege of ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) {
      const allowed = await b.db.query<{ leaf: string }>(
        `SELECT relname AS leaf FROM pg_class WHERE relispartition AND relkind = 'r' AND relnamespace = 'public'::regnamespace AND has_table_privilege($1, oid, $2)`,
        [role, privilege],
      );
      t.deepEqual(allowed, [], `${role} ${privilege}`);
    }
  }
});

test('an organization has no way to the queues, to local runs, or to making partitions', async (t) => {
  for (const text of [
    'SELECT FROM pgboss.job',
    'SELECT FROM local_jobs',
    `SELECT ensure_partition('2040-01-01')`,
    'DELETE FROM findings',
    'INSERT INTO organizations SELECT * FROM organizations',
  ]) {
    const error = await t.throwsAsync(b.db.database.query(owner.scope, text), { code: 'internal' });
    t.is((error?.cause as { code?: string }).code, '42501', text);
  }
});

test('the login itself has no rights before it takes a role', async (t) => {
  const rows = await b.db.query<{ allowed: boolean }>(
    `SELECT has_table_privilege($1, 'scans', 'SELECT') OR has_schema_privilege($1, 'pgboss', 'USAGE') OR pg_has_role($1, 'cloudscan_storage', 'MEMBER') AS allowed`,
    [b.db.config.user],
  );
  t.deepEqual(rows, [{ allowed: false }]);
});
