import type { Scan } from '@cloudscan/domain';
import type { ActiveScan, AdmissionLimits, AdmitCommand } from '@cloudscan/orchestration';
import test from 'ava';
import { bench, completion, createCommand, ending, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

/** Each test has a database of its own, since the cluster's cap counts everybody. */
const oneEach: AdmissionLimits = { ...noLimits, maxRunning: 3, maxRunningPerOrganization: 1 };

const now = (): AdmitCommand => ({ limits: noLimits, at: new Date() });

async function admittedIds({ db }: Bench): Promise<readonly string[]> {
  const rows = await db.query<{ scan_id: string }>('SELECT scan_id FROM active_scans WHERE admitted_at IS NOT NULL ORDER BY scan_id');
  return rows.map(({ scan_id: id }) => id);
}

/** Scans that wait, oldest first: started while nothing may run. */
async function waiting(tenant: Tenant, count: number, overrides: Parameters<Tenant['create']>[0] = {}): Promise<readonly Scan[]> {
  const scans: Scan[] = [];
  for (let index = 0; index < count; index += 1)
    scans.push(await tenant.start(await tenant.create(overrides), { ...noLimits, maxRunning: 0 }));
  return scans;
}

/** In the order of {@link admittedIds}. */
function idsOf(...scans: readonly Scan[]): readonly string[] {
  return scans.map(({ id }) => id).toSorted();
}

test('a start dispatches without a hop while there is room, and waits when there is none', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const first = await tenant.start(await tenant.create(), oneEach);
  t.truthy(first.admittedAt);
  t.is((await b.messages('dispatch', first.id)).length, 1);
  const second = await tenant.start(await tenant.create(), oneEach);
  t.is(second.admittedAt, null);
  t.deepEqual(await b.messages('dispatch', second.id), []);
  t.deepEqual(await b.scans.findById(tenant.scope, second.id), second);
});

for (const [name, end] of Object.entries({
  completion: (b: Bench, { scope }: Tenant, scan: Scan) => b.scans.complete(scope, completion(scan, null, { limits: oneEach })),
  cancellation: (b: Bench, { scope }: Tenant, scan: Scan) =>
    b.scans.cancel(scope, { scanId: scan.id, actor: 'user', limits: oneEach, at: new Date() }),
  failure: (b: Bench, _tenant: Tenant, scan: Scan) => b.scans.endAttempt(system, ending(scan, { reason: 'tool_error', limits: oneEach })),
  deletion: (b: Bench, { scope }: Tenant, scan: Scan) =>
    b.scans.delete(scope, { scanId: scan.id, actor: 'user', limits: oneEach, at: new Date() }),
})) {
  test(`the ${name} of a running scan wakes the next once nothing of it runs`, async (t) => {
    const b = await bench(t);
    const tenant = await b.tenant();
    const first = await tenant.start(await tenant.create(), oneEach);
    const second = await tenant.start(await tenant.create(), oneEach);
    await end(b, tenant, first);
    t.is(await b.systemScans.admit(system, { limits: oneEach, at: new Date() }), 0);
    t.deepEqual(await b.systemScans.heldPlaces(system, new Date(Date.now() + 1000), 10), [{ scanId: first.id, attempt: 1 }]);
    t.is(await b.freePlaces(oneEach), 1);
    t.deepEqual(await admittedIds(b), [second.id]);
    t.is((await b.messages('dispatch', second.id)).length, 1);
  });
}

test('a place that nobody frees is given away after minutes, and one that is freed twice only once', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const at = new Date();
  const first = await tenant.start(await tenant.create(), oneEach);
  const [second, third] = [await tenant.start(await tenant.create(), oneEach), await tenant.start(await tenant.create(), oneEach)];
  await b.scans.cancel(tenant.scope, { scanId: first.id, actor: 'user', limits: oneEach, at });
  t.is(await b.systemScans.admit(system, { limits: oneEach, at: new Date(at.getTime() + 299_000) }), 0);
  t.is(await b.systemScans.admit(system, { limits: oneEach, at: new Date(at.getTime() + 301_000) }), 1);
  t.deepEqual(await admittedIds(b), [second.id]);
  const command = { attempts: [{ scanId: first.id, attempt: 1 }], limits: oneEach, at };
  t.is(await b.systemScans.freePlaces(system, command), 1);
  t.is(await b.systemScans.freePlaces(system, command), 0);
  t.is((await b.scans.findById(system, third.id))!.admittedAt, null);
});

test('free places go by priority, then to who has the fewest running, then by age', async (t) => {
  const b = await bench(t);
  const [busy, idle, late] = [await b.tenant(), await b.tenant(), await b.tenant()];
  await busy.admitted();
  const ofBusy = await waiting(busy, 3);
  const ofIdle = await waiting(idle, 2);
  const ofLate = await waiting(late, 1);
  const urgent = await waiting(busy, 1, { priority: 5 });
  const order = [...urgent, ofIdle[0]!, ofLate[0]!, ofIdle[1]!, ofBusy[0]!, ofBusy[1]!, ofBusy[2]!];
  const positions = await Promise.all(order.map((scan) => b.scans.queuePosition(system, scan, now())));
  t.deepEqual(positions, [1, 2, 3, 4, 5, 6, 7]);
  for (const scan of order) {
    const running = (await admittedIds(b)).length;
    t.is(await b.systemScans.admit(system, { limits: { ...noLimits, maxRunning: running + 1 }, at: new Date() }), 1);
    t.true((await admittedIds(b)).includes(scan.id), `${order.indexOf(scan) + 1}`);
  }
  t.is(await b.scans.queuePosition(system, (await b.scans.findById(system, urgent[0]!.id))!, now()), 0);
});

test('many free places at once go the same way as one by one', async (t) => {
  const b = await bench(t);
  const [first, second] = [await b.tenant(), await b.tenant()];
  const ofFirst = await waiting(first, 6);
  const ofSecond = await waiting(second, 2);
  t.is(await b.systemScans.admit(system, { limits: { ...noLimits, maxRunning: 5 }, at: new Date() }), 5);
  t.deepEqual(await admittedIds(b), idsOf(...ofSecond, ...ofFirst.slice(0, 3)));
});

test("an organization's own cap replaces the default, upwards and downwards", async (t) => {
  const b = await bench(t);
  const [large, small] = [await b.tenant({ maxRunningScans: 4 }), await b.tenant({ maxRunningScans: 1 })];
  const ofLarge = await waiting(large, 6);
  const ofSmall = await waiting(small, 3);
  t.is(await b.systemScans.admit(system, { limits: { ...noLimits, maxRunningPerOrganization: 2 }, at: new Date() }), 5);
  t.deepEqual(await admittedIds(b), idsOf(...ofLarge.slice(0, 4), ofSmall[0]!));
});

test('a cap that was lowered below what runs admits nobody and fails nothing', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  await tenant.admitted();
  await tenant.admitted();
  await waiting(tenant, 1);
  t.is(await b.systemScans.admit(system, { limits: { ...noLimits, maxRunning: 1 }, at: new Date() }), 0);
  t.is(await b.systemScans.admit(system, { limits: { ...noLimits, maxRunningPerOrganization: 1 }, at: new Date() }), 0);
});

test('above the limit of waiting scans a start is refused and nothing of it is written', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant({ maxQueuedScans: 2 });
  const limits = { ...noLimits, maxRunning: 0, maxQueuedPerOrganization: 50 };
  await waiting(tenant, 2);
  const scan = await tenant.create();
  t.deepEqual(await b.scans.start(tenant.scope, { scanId: scan.id, actor: 'user', limits, at: new Date() }), {
    kind: 'queue_full',
    limit: 2,
  });
  t.deepEqual(await b.scans.findById(tenant.scope, scan.id), scan);
  const command = createCommand(tenant.project.id, { start: true, limits, idempotency: { key: 'k', requestHash: 'h' } });
  t.deepEqual(await b.scans.create(tenant.scope, command), { kind: 'queue_full', limit: 2 });
  t.is(await b.scans.findById(tenant.scope, command.id), null);
  t.is(await b.scans.findByIdempotencyKey(tenant.scope, 'k'), null);
});

test('twenty starts at once neither pass the caps nor the limit of waiting scans', async (t) => {
  const b = await bench(t, { maxConnections: 20 });
  const tenant = await b.tenant();
  const limits: AdmissionLimits = { ...noLimits, maxRunning: 10, maxRunningPerOrganization: 4, maxQueuedPerOrganization: 5 };
  const scans = await Promise.all(Array.from({ length: 20 }, () => tenant.create()));
  const results = await Promise.all(
    scans.map(({ id }) => b.scans.start(tenant.scope, { scanId: id, actor: 'user', limits, at: new Date() })),
  );
  const kinds = Map.groupBy(results, ({ kind }) => kind);
  t.is(kinds.get('applied')?.length, 9);
  t.is(kinds.get('queue_full')?.length, 11);
  t.is((await admittedIds(b)).length, 4);
});

test('the caps hold in every snapshot while scans of many organizations start and end', async (t) => {
  const b = await bench(t, { maxConnections: 20 });
  const limits: AdmissionLimits = { ...noLimits, maxRunning: 5, maxRunningPerOrganization: 2 };
  const tenants = await Promise.all(Array.from({ length: 4 }, () => b.tenant()));
  let isDone = false;
  const breaches: object[] = [];
  let looks = 0;
  const watch = (async () => {
    while (!isDone) {
      looks += 1;
      breaches.push(
        ...(await b.db.query<object>(
          `SELECT organization_id, count(*)
           FROM (SELECT organization_id FROM scans WHERE admitted_at IS NOT NULL AND status IN ('queued', 'running')
             UNION ALL SELECT organization_id FROM held_places) AS place
           GROUP BY ROLLUP (organization_id) HAVING count(*) > CASE WHEN grouping(organization_id) = 1 THEN 5 ELSE 2 END`,
        )),
      );
    }
  })();
  const live = async (tenant: Tenant): Promise<void> => {
    for (let round = 0; round < 12; round += 1) {
      await tenant.create({ start: true, limits });
      const page = await b.scans.list(tenant.scope, { projectId: null, status: 'queued', pageSize: 10, pageToken: null });
      const victim = page.items.findLast(({ admittedAt }) => admittedAt !== null);
      if (victim === undefined) continue;
      if (round % 3 === 0) await b.scans.cancel(tenant.scope, { scanId: victim.id, actor: 'user', limits, at: new Date() });
      else if (round % 3 === 1) await b.scans.endAttempt(tenant.scope, ending(victim, { limits, maxAttempts: 10 }));
      else await b.scans.complete(tenant.scope, completion(victim, null, { limits }));
      if (round % 2 === 0) await b.freePlaces(limits);
    }
  };
  await Promise.all([
    ...tenants.flatMap((tenant) => [live(tenant), live(tenant)]),
    b.systemScans.admit(system, { limits, at: new Date() }),
  ]);
  isDone = true;
  await watch;
  t.deepEqual(breaches, []);
  t.true(looks > 5);
  await b.freePlaces(limits);
  await b.systemScans.admit(system, { limits, at: new Date() });
  const active = await b.db.query<{ scans: number }>('SELECT count(*)::integer AS scans FROM active_scans GROUP BY organization_id');
  const admissible = active.reduce((sum, { scans }) => sum + Math.min(2, scans), 0);
  t.is((await admittedIds(b)).length, Math.min(5, admissible), 'nobody waits while there is room');
  const strays = await b.db.query(
    `SELECT FROM active_scans active FULL JOIN (SELECT * FROM scans WHERE status IN ('queued', 'running')) scan ON scan.id = active.scan_id
     WHERE (scan.attempt, scan.admitted_at, scan.organization_id) IS DISTINCT FROM (active.attempt, active.admitted_at, active.organization_id)`,
  );
  t.deepEqual(strays, [], 'active_scans says what scans say');
});

test('a waiting scan that is being cancelled is skipped, and its canceller admits the next', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const [first, second] = await waiting(tenant, 2);
  const limits = { ...noLimits, maxRunning: 1 };
  await b.db.database.transaction(system, async (transaction) => {
    await transaction.query('SELECT FROM scans WHERE id = $1 FOR UPDATE', [first!.id]);
    t.is(await b.systemScans.admit(system, { limits, at: new Date() }), 0);
  });
  await b.scans.cancel(tenant.scope, { scanId: first!.id, actor: 'user', limits, at: new Date() });
  t.deepEqual(await admittedIds(b), [second!.id]);
});

test('statistics and the list of active scans follow the scans', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  t.deepEqual(await b.systemScans.queueStatistics(system), { queued: 0, awaitingDispatch: 0, running: 0, oldestQueuedAgeMs: 0 });
  const running = await tenant.running();
  const dispatched = await tenant.admitted();
  const fresh = await tenant.admitted();
  await waiting(tenant, 2);
  await tenant.create();
  t.true(
    await b.systemScans.recordJob(system, { scanId: dispatched.id, attempt: 1, jobName: 'job', jobNamespace: 'local', at: new Date() }),
  );
  const statistics = await b.systemScans.queueStatistics(system);
  t.like(statistics, { queued: 4, awaitingDispatch: 1, running: 1 });
  t.true(statistics.oldestQueuedAgeMs > 0 && statistics.oldestQueuedAgeMs < 60_000);
  for (const pageSize of [1, 2, 100]) {
    const active: ActiveScan[] = [];
    for await (const scan of b.systemScans.active(system, pageSize)) active.push(scan);
    t.deepEqual(
      active.map(({ id, status, jobName }) => [id, status, jobName]),
      [
        [running.id, 'running', null],
        [dispatched.id, 'queued', 'job'],
        [fresh.id, 'queued', null],
      ].toSorted(([a], [z]) => (String(a) < String(z) ? -1 : 1)),
    );
  }
});

test('only the current, admitted attempt is dispatchable, takes a Job and is sent again', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const scan = await tenant.admitted();
  const record = (attempt: number, scanId = scan.id): Promise<boolean> =>
    b.systemScans.recordJob(system, { scanId, attempt, jobName: `job-${attempt}`, jobNamespace: 'local', at: new Date() });
  t.deepEqual(await b.systemScans.findDispatchable(system, scan.id, 1), scan);
  t.is(await b.systemScans.findDispatchable(system, scan.id, 2), null);
  t.false(await record(2));
  t.true(await record(1));
  t.is((await b.scans.findById(system, scan.id))!.jobName, 'job-1');
  await b.db.query('DELETE FROM pgboss.job');
  t.is(await b.systemScans.redispatch(system, [{ scanId: scan.id, attempt: 1 }]), 1);
  t.is(await b.systemScans.redispatch(system, [{ scanId: scan.id, attempt: 1 }]), 1);
  t.is((await b.messages('dispatch', scan.id)).length, 1);
  await b.scans.cancel(tenant.scope, { scanId: scan.id, actor: 'user', limits: noLimits, at: new Date() });
  t.is(await b.systemScans.findDispatchable(system, scan.id, 1), null);
  t.false(await record(1));
  t.is(await b.systemScans.redispatch(system, [{ scanId: scan.id, attempt: 1 }]), 0);
  const [queued] = await waiting(tenant, 1);
  t.is(await b.systemScans.findDispatchable(system, queued!.id, 1), null, 'a waiting scan may have no Job');
  t.false(await record(1, queued!.id));
  t.false(await record(1, 'no-id'));
});
