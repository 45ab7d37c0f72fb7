import type { Database, Transaction } from '@cloudscan/database';
import { orchestratorRoles } from '@cloudscan/database';
import { jobNameOf } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import type { AdmissionLimits, AttemptEnd } from '@cloudscan/orchestration';
import { PgBossQueue } from '@cloudscan/queue';
import { silentLogger } from '@cloudscan/telemetry';
import { newId } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import test from 'ava';
import { createRepositories } from '../src/index.ts';
import type { Repositories } from '../src/index.ts';
import { batch, bench, completion, ending, findingsOf, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

const terms = { maxAttempts: 2, limits: noLimits, actor: 'sweeper' };

function endOf(scan: Scan, overrides: Partial<AttemptEnd> = {}): AttemptEnd {
  const { scanId, attempt, reason, message, evidence } = ending(scan);
  return { scanId, attempt, reason, message, evidence, ...overrides };
}

/** The repositories once more, counting statements, and transactions that had to be run again. */
async function counted(t: Teardown, { db }: Bench) {
  const count = { statements: 0, transactions: 0, runs: 0 };
  const counting = (transaction: Transaction): Transaction => ({
    query: (statement, values) => {
      count.statements += 1;
      return transaction.query(statement, values);
    },
    becomeSystem: () => transaction.becomeSystem(),
  });
  const { database } = db;
  const counter: Pick<Database, 'transaction' | 'query'> = {
    transaction: (scope, work) => {
      count.transactions += 1;
      return database.transaction(scope, (transaction) => {
        count.runs += 1;
        return work(counting(transaction));
      });
    },
    query: (scope, statement, values) => counter.transaction(scope, (transaction) => transaction.query(statement, values)),
  };
  const options = { applicationName: 'test-queue', role: orchestratorRoles.system, mode: 'send', logger: silentLogger } as const;
  const queue = new PgBossQueue(db.config, options);
  await queue.start();
  t.teardown(() => queue.stop());
  return { repositories: createRepositories(counter as Database, queue), count };
}

/** Everything that is stored of a scan, without what makes it another scan. */
async function stored({ db }: Bench, { id }: Scan): Promise<object> {
  const rows = async (text: string) =>
    JSON.parse(JSON.stringify(await db.query(text, [id])).replaceAll(id, 'id')) as readonly Record<string, unknown>[];
  const differing = ['id', 'scan_id', 'run_id', 'organization_id', 'project_id', 'created_at', 'scan_created_at', 'updated_at'];
  const moments = ['queued_at', 'admitted_at', 'started_at', 'completed_at', 'source_archive_key'];
  const same = (all: readonly Record<string, unknown>[]) =>
    all.map((row) =>
      Object.fromEntries(
        Object.entries(row)
          .filter(([name]) => !differing.includes(name))
          .map(([name, value]) => [name, moments.includes(name) ? value !== null : value]),
      ),
    );
  return {
    scan: same(await rows('SELECT * FROM scans WHERE id = $1')),
    events: same(await rows('SELECT * FROM scan_events WHERE scan_id = $1 ORDER BY sequence')),
    active: same(await rows('SELECT * FROM active_scans WHERE scan_id = $1')),
    discarded: (await rows('SELECT run_id FROM discarded_runs WHERE scan_id = $1')).length,
    messages: await rows(
      `SELECT name, data->'attempt' AS attempt, data->'type' AS type FROM pgboss.job WHERE data->>'scanId' = $1 ORDER BY name, attempt`,
    ),
  };
}

/** Scans of every kind that an end may meet, in two months. */
async function everyKind(b: Bench, tenant: Tenant): Promise<readonly Scan[]> {
  const lastMonth = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - 1, 20));
  await b.systemScans.ensurePartitions(system, lastMonth, 1);
  const running = await tenant.running();
  const withFindings = await tenant.running({ at: lastMonth });
  await b.scans.addFindings(tenant.scope, batch(withFindings, newId(), '1', findingsOf(withFindings, 2)));
  const second = await tenant.running();
  await b.scans.endAttempt(system, ending(second));
  const cancelled = await tenant.admitted();
  await b.scans.cancel(tenant.scope, { scanId: cancelled.id, actor: 'user', limits: noLimits, at: new Date() });
  const scans = [running, withFindings, await tenant.admitted({ at: lastMonth }), second, cancelled, await tenant.create()];
  return Promise.all(scans.map(async ({ id }) => (await b.scans.findById(system, id))!));
}

for (const reason of ['runner_lost', 'tool_error'] as const) {
  test(`many attempts that end with ${reason} end as each alone would`, async (t) => {
    const b = await bench(t);
    const evidence = { exitCode: 3, condition: 'Error', logTail: 'back\\slash and "quotes"' };
    const change = { reason, evidence, message: "it's gone" };
    const [alone, together] = [await everyKind(b, await b.tenant()), await everyKind(b, await b.tenant())];
    const at = new Date();
    const expected = [];
    for (const scan of alone) expected.push(await b.scans.endAttempt(system, ending(scan, { ...change, at })));
    const ends = together.map((scan) => endOf(scan, change));
    const results = await b.systemScans.endAttempts(system, { ...terms, at, ends });
    t.deepEqual(
      results.map(({ kind }) => kind),
      expected.map(({ kind }) => kind),
    );
    for (const [index, scan] of together.entries()) {
      t.deepEqual(await stored(b, scan), await stored(b, alone[index]!), `scan ${index}`);
      const result = results[index]!;
      t.deepEqual('scan' in result ? result.scan : null, await b.scans.findById(system, scan.id), 'the caller gets what is stored');
    }
    const again = await b.systemScans.endAttempts(system, { ...terms, at, ends });
    t.false(again.some(({ kind }) => kind === 'applied'));
  });
}

test('what PostgreSQL cannot store of the words of a platform is stored without it', async (t) => {
  const b = await bench(t);
  const scan = await (await b.tenant()).running();
  const ends = [endOf(scan, { reason: 'tool_error', message: 'nul \0', evidence: { logTail: '\0 \ud800' } })];
  await b.systemScans.endAttempts(system, { ...terms, at: new Date(), ends });
  t.like(await b.scans.findById(system, scan.id), { errorMessage: 'nul \uFFFD', failureEvidence: { logTail: '\uFFFD \uFFFD' } });
});

test('an end of what does not exist is not found and keeps no other from ending', async (t) => {
  const b = await bench(t);
  const scan = await (await b.tenant()).running();
  const ends = [endOf(scan, { scanId: newId() }), endOf(scan, { scanId: 'no-id' }), endOf(scan)];
  t.deepEqual(
    (await b.systemScans.endAttempts(system, { ...terms, at: new Date(), ends })).map(({ kind }) => kind),
    ['not_found', 'not_found', 'applied'],
  );
  t.deepEqual(await b.systemScans.endAttempts(system, { ...terms, at: new Date(), ends: [] }), []);
});

test('the ends of many make room for as many, and charge their organizations', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const running = await Promise.all(Array.from({ length: 5 }, () => tenant.running()));
  for (let count = 0; count < 8; count += 1) await tenant.start(await tenant.create(), { ...noLimits, maxRunning: 0 });
  const ends = running.map((scan) => endOf(scan, { reason: 'tool_error' }));
  const at = new Date(Date.now() + 60_000);
  await b.systemScans.endAttempts(system, { ...terms, limits: { ...noLimits, maxRunning: 5 }, at, ends });
  t.like(await b.systemScans.queueStatistics(system), { queued: 8, awaitingDispatch: 5, running: 0 });
  const [usage] = await b.db.query<{ seconds: number }>('SELECT used_seconds AS seconds FROM organization_usage');
  t.true(usage!.seconds > 5 * 59);
});

test('statements do not grow with the attempts that end, that are read, or that are dispatched again', async (t) => {
  const b = await bench(t, { maxConnections: 10 });
  const tenant = await b.tenant();
  const { repositories, count } = await counted(t, b);
  const statementsOf = async (work: () => Promise<unknown>): Promise<number> => {
    const before = count.statements;
    await work();
    return count.statements - before;
  };
  const costs = [];
  for (const size of [1, 60]) {
    const scans: Scan[] = [];
    for (let count = 0; count < size; count += 1) scans.push(await tenant.running());
    const ids = scans.map(({ id }) => id);
    await b.db.query('DELETE FROM pgboss.job');
    const read = await statementsOf(async () => t.is((await repositories.systemScans.activeAmong(system, ids)).length, size));
    const redispatched = await statementsOf(async () => {
      const attempts = ids.map((scanId) => ({ scanId, attempt: 1 }));
      t.is(await repositories.systemScans.redispatch(system, attempts), size);
    });
    const ends = scans.map((scan, index) => endOf(scan, { reason: index % 2 === 0 ? 'tool_error' : 'evicted' }));
    const ended = await statementsOf(() => repositories.systemScans.endAttempts(system, { ...terms, at: new Date(), ends }));
    costs.push({ read, redispatched, ended });
  }
  t.deepEqual([costs[0]!.read, costs[1]!.read], [1, 1]);
  t.is(costs[0]!.redispatched, costs[1]!.redispatched);
  // Those that are tried again enter the queue and are admitted at once: three statements that a single failure does not need.
  t.true(costs[1]!.ended <= costs[0]!.ended + 3, JSON.stringify(costs));
  t.true(costs[1]!.ended <= 13, JSON.stringify(costs));
});

test('batches that meet each other, cancellations, completions, starts and deletions neither deadlock nor pass the caps', async (t) => {
  const b = await bench(t, { maxConnections: 24 });
  const { repositories, count } = await counted(t, b);
  const limits: AdmissionLimits = { ...noLimits, maxRunning: 40, maxRunningPerOrganization: 20 };
  const tenants = await Promise.all(Array.from({ length: 3 }, () => b.tenant()));
  const breaches: object[] = [];
  let isDone = false;
  const watching = (async () => {
    while (!isDone)
      breaches.push(
        ...(await b.db.query<object>(
          `SELECT organization_id, count(*) FROM scans WHERE admitted_at IS NOT NULL AND status IN ('queued', 'running')
           GROUP BY ROLLUP (organization_id) HAVING count(*) > CASE WHEN grouping(organization_id) = 1 THEN 40 ELSE 20 END`,
        )),
      );
  })();
  for (const tenant of tenants) for (let n = 0; n < 25; n += 1) await tenant.create({ start: true, limits });
  await Promise.all([
    sweeping(repositories, 1),
    sweeping(repositories, -1),
    ...tenants.map((tenant) => living(repositories, tenant, limits)),
  ]);
  isDone = true;
  await watching;
  t.deepEqual(breaches, []);
  t.is(count.runs, count.transactions, 'no transaction had to be run again');
  const strays = await b.db.query(
    `SELECT FROM active_scans active FULL JOIN (SELECT * FROM scans WHERE status IN ('queued', 'running')) scan ON scan.id = active.scan_id
     WHERE (scan.attempt, scan.admitted_at, scan.organization_id) IS DISTINCT FROM (active.attempt, active.admitted_at, active.organization_id)`,
  );
  t.deepEqual(strays, [], 'active_scans says what scans say');

  /** Ends all that is admitted, in one direction of ids or the other. */
  async function sweeping({ systemScans }: Repositories, direction: 1 | -1): Promise<void> {
    for (let round = 0; round < 15; round += 1) {
      const ends: AttemptEnd[] = [];
      for await (const { id: scanId, attempt } of systemScans.active(system, 100))
        ends.push({ scanId, attempt, reason: 'runner_lost', message: '', evidence: null });
      await systemScans.endAttempts(system, {
        ...{ ...terms, maxAttempts: 50, limits, at: new Date() },
        ends: direction === 1 ? ends : ends.toReversed(),
      });
      await systemScans.redispatch(
        system,
        ends.map(({ scanId, attempt }) => ({ scanId, attempt: attempt! + 1 })),
      );
    }
  }

  async function living({ scans }: Repositories, tenant: Tenant, ofAll: AdmissionLimits): Promise<void> {
    for (let round = 0; round < 15; round += 1) {
      await tenant.create({ start: true, limits: ofAll });
      const page = await scans.list(tenant.scope, { projectId: null, status: 'queued', pageSize: 30, pageToken: null });
      const [first, second] = page.items.filter(({ admittedAt }) => admittedAt !== null);
      if (first !== undefined) await scans.cancel(tenant.scope, { scanId: first.id, actor: 'user', limits: ofAll, at: new Date() });
      if (second !== undefined) await scans.complete(tenant.scope, completion(second, null, { attempt: null, limits: ofAll }));
      if (round % 5 === 4)
        await scans.deleteOfProject(tenant.scope, {
          projectId: tenant.project.id,
          actor: 'user',
          limits: ofAll,
          limit: 10,
          at: new Date(),
        });
    }
  }
});

test('deleting a scan takes its last Job along, also one that ended within a day, but none that the platform has forgotten', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const ended = async (dispatched: boolean): Promise<Scan> => {
    const scan = await tenant.running();
    const jobName = jobNameOf(scan.id, 1);
    if (dispatched)
      await b.systemScans.recordJob(system, { scanId: scan.id, attempt: 1, jobName, jobNamespace: 'cloudscan', at: new Date() });
    await b.scans.complete(tenant.scope, completion(scan, null));
    return scan;
  };
  const remove = ({ id }: Scan, at: Date) => b.scans.delete(tenant.scope, { scanId: id, actor: 'user', limits: noLimits, at });
  const [recent, old, without] = [await ended(true), await ended(true), await ended(false)];
  await remove(recent, new Date());
  await remove(old, new Date(Date.now() + 25 * 3_600_000));
  await remove(without, new Date());
  t.deepEqual(await b.messages('stop-job', recent.id), [{ scanId: recent.id, attempt: 1, jobName: jobNameOf(recent.id, 1) }]);
  t.deepEqual(await b.messages('stop-job', old.id), []);
  t.deepEqual(await b.messages('stop-job', without.id), []);
  const running = await tenant.running();
  const project = await ended(true);
  await b.scans.deleteOfProject(tenant.scope, { projectId: tenant.project.id, actor: 'user', limits: noLimits, limit: 10, at: new Date() });
  t.is((await b.messages('stop-job', running.id)).length, 1);
  t.is((await b.messages('stop-job', project.id)).length, 1);
});
