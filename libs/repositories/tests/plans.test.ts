import type { Scope } from '@cloudscan/auth';
import { Database, orchestratorRoles } from '@cloudscan/database';
import type { Statement, Transaction } from '@cloudscan/database';
import type { Scan } from '@cloudscan/domain';
import type { Page } from '@cloudscan/orchestration';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { admit } from '../src/scans/admission.ts';
import { listEvents, listFindings, listScans } from '../src/scans/scan-queries.ts';
import { lockScans, saveScans } from '../src/scans/scan-batches.ts';
import { findEnded, removeEnded } from '../src/scans/retention.ts';
import { lockScan, readScan } from '../src/scans/scan-store.ts';
import { activeAmongStatement, activeStatement } from '../src/scans/system-scan-repository.ts';
import { batch, bench, findingsOf, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

/*
 * The plans of the hot queries, as the server makes them for the very statements of the repositories, with 24 months of
 * partitions: each statement is prepared, executed until the server may choose a generic plan, and then explained.
 */
const months = 24;
const file = testFile(test);
let b: Bench;
let tenant: Tenant;
let scan: Scan;
test.before(async () => {
  b = await bench(file);
  tenant = await b.tenant();
  const first = new Date(Date.UTC(2029, 0, 15));
  for (let month = 0; month < months; month += 1) {
    scan = await tenant.running({ at: new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + month, 15)) });
    await b.scans.addFindings(tenant.scope, batch(scan, newId(), '1', findingsOf(scan, 20)));
  }
  await multiply();
  await b.db.query('ANALYZE');
});

/** Rows enough that an index pays: 300 more scans in each month with an event each, every other one a stranger's, and more findings. */
async function multiply(): Promise<void> {
  await b.db.query(
    `WITH moments AS (
       SELECT scans, n, (extract(epoch FROM created_at) * 1000)::bigint + n * 1000 AS ms FROM scans, generate_series(1, 300) AS n
     ), named AS (
       SELECT *, lpad(to_hex(ms), 12, '0') AS hex FROM moments
     ), made AS (
       INSERT INTO scans SELECT (jsonb_populate_record(scans, jsonb_build_object(
         'id', concat_ws('-', left(hex, 8), right(hex, 4), '7000', '8000', left(md5(random()::text), 12)),
         'created_at', to_timestamp(ms / 1000.0),
         'organization_id', CASE WHEN n % 2 = 0 THEN (scans).organization_id ELSE gen_random_uuid() END))).* FROM named
       RETURNING id, created_at, organization_id
     )
     INSERT INTO scan_events (scan_id, sequence, scan_created_at, organization_id, type, to_status, attempt, actor, message, created_at)
     SELECT id, 1, created_at, organization_id, 'transition', 'pending', 0, 'user', '', created_at FROM made`,
  );
  await b.db.query(
    `INSERT INTO findings (id, scan_id, scan_created_at, organization_id, run_id, scan_type, tool_name, tool_version, rule_id, severity, title, description,
       file_path, start_line, end_line, start_column, end_column, code_snippet, cve_id, cwe_id, cvss_score, cvss_vector, package_name, package_version,
       fixed_version, license, remediation, "references", raw_output, fingerprint, created_at)
     SELECT gen_random_uuid(), gen_random_uuid(), scan_created_at, organization_id, run_id, scan_type, tool_name, tool_version, rule_id, severity, title, description,
       file_path, start_line, end_line, start_column, end_column, code_snippet, cve_id, cwe_id, cvss_score, cvss_vector, package_name, package_version,
       fixed_version, license, remediation, "references", raw_output, fingerprint, created_at
     FROM findings, generate_series(1, 30)`,
  );
}

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly Plans?: readonly Node[];
}

interface Explained {
  readonly relations: readonly string[];
  readonly indexes: readonly string[];
  readonly nodes: readonly string[];
  /** Relations that are scanned from end to end. */
  readonly readWhole: readonly string[];
  /** Rows that scans of tables gave, where the plan was run as well. */
  readonly rowsRead: number;
}

/** Runs `work` with a transaction that explains the statement of that name before it runs it a seventh time. */
async function explain(
  name: string,
  work: (transaction: Transaction) => Promise<unknown>,
  { database = b.db.database, scope = tenant.scope as Scope, options = 'FORMAT JSON' } = {},
): Promise<Explained> {
  return database.transaction(scope, async (transaction) => {
    for (let round = 0; round < 6; round += 1) await work(transaction);
    let explained: Explained | undefined;
    const spy: Transaction = {
      becomeSystem: () => transaction.becomeSystem(),
      query: async (statement: Statement | string, values: readonly unknown[] = []) => {
        if (typeof statement !== 'string' && statement.name === name) {
          const literals = values.map((_, index) => `($1::jsonb ->> ${index})`).join(', ');
          const { rows } = await transaction.query<{ text: string }>(
            `SELECT format('EXECUTE %I(${values.map(() => '%L').join(', ')})', $2::text, ${literals}) AS text`,
            [JSON.stringify(values.map((value) => (Array.isArray(value) ? `{${value.join(',')}}` : value))), name],
          );
          const plan = await transaction.query<{ 'QUERY PLAN': readonly { readonly Plan: Node }[] }>(
            `EXPLAIN (${options}) ${rows[0]!.text}`,
          );
          explained = flatten(plan.rows[0]!['QUERY PLAN'][0]!.Plan);
        }
        return transaction.query(statement, values);
      },
    };
    await work(spy);
    if (explained === undefined) throw new Error(`${name} was not run`);
    return explained;
  });
}

function flatten(root: Node): Explained {
  const nodes: Node[] = [];
  const visit = (node: Node): void => {
    nodes.push(node);
    node.Plans?.forEach(visit);
  };
  visit(root);
  return {
    relations: [...new Set(nodes.flatMap((node) => node['Relation Name'] ?? []))],
    indexes: [...new Set(nodes.flatMap((node) => node['Index Name'] ?? []))],
    nodes: nodes.map((node) => node['Node Type']),
    readWhole: nodes.filter((node) => node['Node Type'] === 'Seq Scan').flatMap((node) => node['Relation Name'] ?? []),
    rowsRead: nodes
      .filter((node) => node['Relation Name'] !== undefined)
      .reduce((sum, node) => sum + (node['Actual Rows'] ?? 0) * (node['Actual Loops'] ?? 0), 0),
  };
}

function leafOf(table: string, at: Date): string {
  return `${table}_${at.toISOString().slice(0, 7).replace('-', '_')}`;
}

function touchesOnly(t: ExecutionContext, explained: Explained, ...leaves: readonly string[]): void {
  t.deepEqual(explained.relations, leaves);
  t.false(explained.nodes.includes('Seq Scan'), explained.nodes.join(', '));
  t.false(explained.nodes.includes('Sort'), explained.nodes.join(', '));
}

test('a look-up by id probes one index of one partition, and takes locks on no other', async (t) => {
  touchesOnly(
    t,
    await explain('read-scan', (transaction) => readScan(transaction, tenant.scope, scan.id)),
    leafOf('scans', scan.createdAt),
  );
  touchesOnly(
    t,
    await explain('lock-scan', (transaction) => lockScan(transaction, tenant.scope, scan.id)),
    leafOf('scans', scan.createdAt),
  );

  // Once on each connection the server weighs a generic plan, which locks every partition, and drops it for its cost.
  await using database = await Database.connect(
    { ...b.db.config, maxConnections: 1, minConnections: 0 },
    { applicationName: 'test', roles: orchestratorRoles },
  );
  const readTenTimes = async (transaction: Transaction): Promise<void> => {
    for (let round = 0; round < 10; round += 1) await readScan(transaction, tenant.scope, scan.id);
  };
  await database.transaction(tenant.scope, readTenTimes);
  await database.transaction(tenant.scope, async (transaction) => {
    await readTenTimes(transaction);
    const { rows } = await transaction.query<{ relation: string }>(
      `SELECT DISTINCT relation::regclass::text AS relation FROM pg_locks
       WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation::regclass::text ~ '^scans_[0-9_]+$'`,
    );
    t.deepEqual(rows, [{ relation: leafOf('scans', scan.createdAt) }]);
  });
});

test('the events of a scan are a range of one partition’s primary key', async (t) => {
  const explained = await explain('scan-events', (transaction) => listEvents(transaction, tenant.scope, scan.id, 1, 100));
  touchesOnly(t, explained, leafOf('scan_events', scan.createdAt));
});

test('admission picks from the scans at hand alone and writes to one partition for each month of its picks', async (t) => {
  const waiting: Scan[] = [];
  for (let index = 0; index < 20; index += 1)
    waiting.push(await tenant.start(await tenant.create({ at: scan.createdAt }), { ...noLimits, maxRunning: 0 }));
  let maxRunning = months;
  const admitOne = async (transaction: Transaction): Promise<void> => {
    await transaction.becomeSystem();
    maxRunning += 1;
    const admitted = await admit(transaction, { send: async () => undefined }, { ...noLimits, maxRunning }, new Date());
    t.is(admitted.size, 1);
  };
  const pick = await explain('pick-scans-to-admit', admitOne);
  t.deepEqual(pick.relations.toSorted(), ['active_scans', 'held_places', 'organization_usage', 'organizations']);
  const write = await explain('admit-scans', admitOne);
  t.deepEqual(write.relations.filter((relation) => relation.startsWith('scans')).toSorted(), ['scans', leafOf('scans', scan.createdAt)]);
});

test('the cost of admission follows the organizations that wait and the free places, not the scans that wait', async (t) => {
  const { db } = await bench(t);
  await db.query(
    `WITH made AS (
       INSERT INTO organizations (id, name, display_name, created_at, updated_at) SELECT gen_random_uuid(), 'tenant-' || n, '', now(), now() FROM generate_series(1, 200) AS n
       RETURNING id
     ), used AS (
       INSERT INTO organization_usage (organization_id, used_seconds, updated_at) SELECT id, random() * 10000, now() FROM made
     )
     INSERT INTO active_scans (scan_id, scan_created_at, organization_id, attempt, priority, queued_at)
     SELECT gen_random_uuid(), now(), id, 1, 0, now() - random() * interval '1 day' FROM made, generate_series(1, 50)`,
  );
  await db.query(
    `INSERT INTO held_places (scan_id, attempt, organization_id, ended_at)
     SELECT gen_random_uuid(), 1, id, now() - interval '1 hour' FROM organizations, generate_series(1, 20)`,
  );
  await db.query('ANALYZE');
  for (const places of [1, 10]) {
    const pick = await explain(
      'pick-scans-to-admit',
      (transaction) => admit(transaction, { send: async () => undefined }, { ...noLimits, maxRunning: places }, new Date()),
      { database: db.database, scope: system, options: 'ANALYZE, FORMAT JSON' },
    );
    for (const relation of ['active_scans', 'held_places']) t.false(pick.readWhole.includes(relation), relation);
    t.true(pick.rowsRead <= 200 * (5 + places), `${pick.rowsRead} rows for ${places} places, of 10,000 that wait`);
  }
});

test('the list of active scans probes an index for each scan and reads no partition whole', async (t) => {
  const explained = await explain('active-scans', async (transaction) => {
    await transaction.becomeSystem();
    await transaction.query(activeStatement, ['00000000-0000-0000-0000-000000000000', 10]);
  });
  t.true(explained.nodes.filter((node) => node === 'Index Scan').length >= months, explained.nodes.join(', '));
  t.true(explained.nodes.includes('Nested Loop'));
});

test('a batch locks and writes in one partition for each of its months, by index', async (t) => {
  const lock = await explain('lock-scans', (transaction) => lockScans(transaction, tenant.scope, [scan.id]));
  t.deepEqual(lock.relations, [leafOf('scans', scan.createdAt)]);
  t.false(lock.nodes.includes('Seq Scan'), lock.nodes.join(', '));
  const save = await explain('save-scans', async (transaction) => {
    const [before] = await lockScans(transaction, tenant.scope, [scan.id]);
    await saveScans(transaction, [{ before: before!, change: { scan: { ...before!, updatedAt: new Date() }, events: [] } }]);
  });
  t.deepEqual(
    save.relations.filter((relation) => /^scans_/.test(relation)),
    [leafOf('scans', scan.createdAt)],
  );
  t.false(save.nodes.includes('Seq Scan'), save.nodes.join(', '));
});

test('what is past its time is found in the order of one partition’s primary key, and removed there', async (t) => {
  const { db } = await bench(t);
  const [month, before] = [new Date('2029-03-01T00:00:00Z'), new Date('2030-01-01T00:00:00Z')];
  for (const other of ['2029-02-01', '2029-03-01', '2029-04-01']) await db.query('SELECT ensure_partition($1)', [other]);
  await db.query(
    `WITH made AS (
       SELECT concat_ws('-', left(hex, 8), right(hex, 4), '7000-8000', left(md5(n::text), 12))::uuid AS id
       FROM generate_series(1, 20000) AS n, lpad(to_hex((extract(epoch FROM $1::timestamptz) * 1000)::bigint + n * 1000), 12, '0') AS hex
     ), scan AS (
       INSERT INTO scans (id, created_at, updated_at, completed_at, organization_id, project_id, status, scan_types, event_sequence)
       SELECT id, uuid_v7_time(id), now(), uuid_v7_time(id), gen_random_uuid(), gen_random_uuid(), 'cancelled', '{sast}', 1 FROM made
     )
     INSERT INTO scan_events (scan_id, sequence, scan_created_at, organization_id, type, to_status, attempt, actor, message, created_at)
     SELECT id, 1, uuid_v7_time(id), gen_random_uuid(), 'transition', 'cancelled', 0, 'user', '', now() FROM made`,
    [month],
  );
  await db.query('ANALYZE');
  const command = { month, before, after: null, limit: 10, at: new Date() };
  const asSystem = { database: db.database, scope: system };
  const nothing = { send: async () => undefined };
  const leaf = leafOf('scans', month);
  touchesOnly(t, await explain('find-ended-scans', (transaction) => findEnded(transaction, command), asSystem), leaf);
  touchesOnly(t, await explain('take-ended-scans', (transaction) => removeEnded(transaction, nothing, command), asSystem), leaf);
  const removal = await explain('remove-ended-scans', (transaction) => removeEnded(transaction, nothing, command), asSystem);
  t.deepEqual(removal.relations.filter((relation) => /_\d{4}_\d\d$/.test(relation)).toSorted(), [
    leafOf('scan_events', month),
    leafOf('scan_runs', month),
    leaf,
  ]);
});

test('scans among the active are found by index, each in its partition', async (t) => {
  const explained = await explain('active-among-scans', async (transaction) => {
    await transaction.becomeSystem();
    await transaction.query(activeAmongStatement, [[scan.id]]);
  });
  t.true(explained.nodes.filter((node) => node === 'Index Scan').length >= months, explained.nodes.join(', '));
  t.true(explained.nodes.includes('Nested Loop'));
});

for (const [name, filter] of Object.entries({
  'list-findings': {},
  'list-findings-type': { scanType: 'sast' },
  'list-findings-severity': { severity: 'high' },
  'list-findings-type-severity': { scanType: 'sast', severity: 'high' },
} as const)) {
  test(`${name} reads one partition in the order of an index`, async (t) => {
    const query = { scanId: scan.id, scanType: null, severity: null, pageSize: 10, pageToken: null, ...filter };
    const explained = await explain(name, (transaction) => listFindings(transaction, tenant.scope, query));
    touchesOnly(t, explained, leafOf('findings', scan.createdAt));
  });
}

for (const [name, filter] of [
  ['list-scans', {}],
  ['list-scans-project', { project: true }],
  ['list-scans-status', { status: 'running' }],
  ['list-scans-project-status', { project: true, status: 'running' }],
] as const) {
  test(`${name}: a page in the past leaves the newer partitions out and sorts nothing`, async (t) => {
    const query = {
      projectId: 'project' in filter ? tenant.project.id : null,
      status: 'status' in filter ? filter.status : null,
      pageSize: 3,
    };
    let past: Page<Scan> = await b.scans.list(tenant.scope, { ...query, pageSize: 600, pageToken: null });
    for (let page = 2; page <= 4; page += 1)
      past = await b.scans.list(tenant.scope, { ...query, pageSize: 600, pageToken: past.nextPageToken });
    const explained = await explain(name, (transaction) =>
      listScans(transaction, tenant.scope, { ...query, pageToken: past.nextPageToken }),
    );
    t.false(explained.nodes.includes('Sort'), explained.nodes.join(', '));
    t.true(explained.nodes.includes('Append'), 'partition after partition, as far as the page needs');
    t.is(explained.indexes.length, explained.relations.length, explained.nodes.join(', '));
    const oldest = leafOf('scans', past.items.at(-1)!.createdAt);
    t.true(oldest < 'scans_2030_01', 'far enough in the past to tell');
    t.deepEqual(
      explained.relations.filter((relation) => relation > oldest),
      [],
    );
  });
}
