import { jobNameOf } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import type { ListScansQuery, Page } from '@cloudscan/orchestration';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { batch, bench, completion, createCommand, ending, findingsOf, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

const file = testFile(test);
let b: Bench;
test.before(async () => {
  b = await bench(file, { maxConnections: 20 });
});

async function list({ scope }: Tenant, query: Partial<ListScansQuery> = {}): Promise<Page<Scan>> {
  return b.scans.list(scope, { projectId: null, status: null, pageSize: 100, pageToken: null, ...query });
}

test('a created scan comes back as it was made', async (t) => {
  const tenant = await b.tenant();
  const source = { artifactId: null, gitUrl: 'https://git.example/app.git', gitBranch: 'main', gitCommit: 'abc123' };
  const scan = await tenant.create({ source, priority: 7, userId: null, scanTypes: ['license'] });
  t.like(scan, { status: 'pending', attempt: 0, source, priority: 7, userId: null, scanTypes: ['license'], sequence: 1 });
  t.deepEqual(await b.scans.findById(tenant.scope, scan.id), scan);
  t.deepEqual(await b.scans.findById(system, scan.id), scan);
  t.is(await b.systemScans.organizationOfScan(system, scan.id), tenant.organization.id);
  t.is(await b.systemScans.organizationOfProject(system, tenant.project.id), tenant.organization.id);
});

test('nothing is found by an id that is unknown, foreign, or no UUIDv7', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.create();
  for (const id of [newId(), 'no-id', 'f47ac10b-58cc-4372-a567-0e02b2c3d479']) {
    t.is(await b.scans.findById(tenant.scope, id), null);
    t.is(await b.systemScans.organizationOfScan(system, id), null);
    t.deepEqual(await b.scans.events(tenant.scope, id, 0, 10), []);
    t.like(await b.scans.findings(tenant.scope, { scanId: id, scanType: null, severity: null, pageSize: 10, pageToken: null }), {
      items: [],
      totalCount: 0,
    });
  }
  t.is(await b.scans.findById((await b.tenant()).scope, scan.id), null);
});

test('a scan of an unknown or foreign project is not made', async (t) => {
  const tenant = await b.tenant();
  const stranger = await b.tenant();
  for (const projectId of [newId(), stranger.project.id]) {
    t.deepEqual(await b.scans.create(tenant.scope, createCommand(projectId)), { kind: 'project_not_found' });
  }
});

test('an idempotency key makes one scan, answers it again, and refuses another request', async (t) => {
  const tenant = await b.tenant();
  const idempotency = { key: 'key-1', requestHash: 'hash-1' };
  const command = createCommand(tenant.project.id, { idempotency });
  const results = await Promise.all(Array.from({ length: 8 }, () => b.scans.create(tenant.scope, { ...command, id: newId(command.at) })));
  const kinds = results.map(({ kind }) => kind).toSorted();
  t.deepEqual(kinds, ['created', ...Array.from({ length: 7 }, () => 'replayed')]);
  const [scan] = (await list(tenant)).items;
  for (const result of results) t.like(result, { scan: { id: scan!.id } });
  t.deepEqual(await b.scans.findByIdempotencyKey(tenant.scope, 'key-1'), { requestHash: 'hash-1', scan: scan! });
  t.deepEqual(
    await b.scans.create(tenant.scope, { ...command, id: newId(command.at), idempotency: { ...idempotency, requestHash: 'other' } }),
    { kind: 'key_conflict' },
  );
  const stranger = await b.tenant();
  t.is(await b.scans.findByIdempotencyKey(stranger.scope, 'key-1'), null);
  t.like(await b.scans.create(stranger.scope, createCommand(stranger.project.id, { idempotency })), { kind: 'created' });
});

test('an idempotency key is free again after 24 hours, and then collected', async (t) => {
  const tenant = await b.tenant();
  const idempotency = { key: 'old', requestHash: 'hash' };
  const at = new Date();
  const first = await tenant.create({ idempotency, at: new Date(at.getTime() - 24 * 3600 * 1000) });
  t.is(await b.scans.findByIdempotencyKey(tenant.scope, 'old'), null);
  const second = await tenant.create({ idempotency, at });
  t.not(first.id, second.id);
  await tenant.create({ idempotency: { key: 'older', requestHash: 'hash' }, at: new Date(at.getTime() - 25 * 3600 * 1000) });
  await b.systemScans.collectDiscarded(system, 0);
  const keys = await b.db.query<{ key: string }>('SELECT key FROM idempotency_keys WHERE organization_id = $1', [tenant.organization.id]);
  t.deepEqual(keys, [{ key: 'old' }]);
});

test('a key whose scan was deleted stands for nothing and is not used again', async (t) => {
  const tenant = await b.tenant();
  const idempotency = { key: 'gone', requestHash: 'hash' };
  const scan = await tenant.create({ idempotency });
  await b.scans.delete(tenant.scope, { scanId: scan.id, actor: 'user', limits: noLimits, at: new Date() });
  t.deepEqual(await b.scans.findByIdempotencyKey(tenant.scope, 'gone'), { requestHash: 'hash', scan: null });
  t.deepEqual(await b.scans.create(tenant.scope, createCommand(tenant.project.id, { idempotency })), { kind: 'key_conflict' });
});

test('a month without a partition gets one, and the scan is made', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.admitted({ at: new Date('2031-05-06T07:08:09.123Z') });
  t.deepEqual(await b.scans.findById(tenant.scope, scan.id), scan);
  t.deepEqual(await b.systemScans.ensurePartitions(system, new Date('2031-05-01T00:00:00Z'), 1), []);
  t.deepEqual(await b.systemScans.ensurePartitions(system, new Date('2031-12-31T23:59:59Z'), 2), [
    ...['findings_2031_12', 'scan_events_2031_12', 'scan_run_batches_2031_12', 'scan_runs_2031_12', 'scans_2031_12'],
    ...['findings_2032_01', 'scan_events_2032_01', 'scan_run_batches_2032_01', 'scan_runs_2032_01', 'scans_2032_01'],
  ]);
});

test('partitions are made once, whoever asks at the same time', async (t) => {
  const made = await Promise.all(
    Array.from({ length: 8 }, () => b.systemScans.ensurePartitions(system, new Date('2033-01-01T00:00:00Z'), 3)),
  );
  t.is(made.flat().length, 15);
});

test('pages of scans go newest first, hold each once across months, and stay so while scans are added', async (t) => {
  const tenant = await b.tenant();
  const now = Date.now();
  const early: Scan[] = [];
  for (let index = 0; index < 30; index += 1) early.push(await tenant.create({ at: new Date(now - index * 5 * 24 * 3600 * 1000) }));
  // Three of the same millisecond: the id decides.
  const sameMoment = new Date(now - 1000);
  for (let index = 0; index < 3; index += 1) early.push(await tenant.create({ at: sameMoment }));
  const seen: Scan[] = [];
  let token: string | null = null;
  do {
    const page: Page<Scan> = await list(tenant, { pageSize: 4, pageToken: token });
    seen.push(...page.items);
    token = page.nextPageToken;
    await tenant.create();
    t.is(page.totalCountExact, true);
  } while (token !== null);
  const ids = seen.map(({ id }) => id);
  t.deepEqual(ids, ids.toSorted().toReversed());
  t.deepEqual(ids.filter((id) => early.some((scan) => scan.id === id)).length, early.length);
});

test('filters scans by project and status, with their totals, and shows no other organization’s', async (t) => {
  const tenant = await b.tenant();
  const stranger = await b.tenant();
  await stranger.create();
  const running = await tenant.running();
  const pending = await tenant.create();
  const ids = async (query: Partial<ListScansQuery>): Promise<readonly string[]> => {
    const page = await list(tenant, query);
    t.is(page.totalCount, page.items.length);
    return page.items.map(({ id }) => id);
  };
  t.deepEqual(await ids({}), [pending.id, running.id]);
  t.deepEqual(await ids({ status: 'running' }), [running.id]);
  t.deepEqual(await ids({ projectId: tenant.project.id }), [pending.id, running.id]);
  t.deepEqual(await ids({ projectId: tenant.project.id, status: 'pending' }), [pending.id]);
  t.deepEqual(await ids({ projectId: stranger.project.id }), []);
});

test('deleting an active scan stops its Job, deletes its artifacts, and leaves nothing of it to be seen', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  await b.scans.addFindings(tenant.scope, batch(scan, null, '1', findingsOf(scan, 3)));
  const command = { scanId: scan.id, actor: 'user', limits: noLimits, at: new Date() };
  t.false(await b.scans.delete((await b.tenant()).scope, command));
  t.true(await b.scans.delete(tenant.scope, command));
  t.false(await b.scans.delete(tenant.scope, command));
  t.deepEqual(await b.messages('stop-job', scan.id), [{ scanId: scan.id, attempt: 1, jobName: jobNameOf(scan.id, 1) }]);
  t.deepEqual(await b.messages('delete-artifacts', scan.id), [
    { organizationId: tenant.organization.id, scanId: scan.id, type: null, keep: [] },
  ]);
  t.is(await b.scans.findById(tenant.scope, scan.id), null);
  t.deepEqual(await b.scans.events(system, scan.id, 0, 10), []);
  t.deepEqual(
    (await b.scans.findings(tenant.scope, { scanId: scan.id, scanType: null, severity: null, pageSize: 10, pageToken: null })).items,
    [],
  );
  t.deepEqual(await b.db.query('SELECT FROM active_scans WHERE scan_id = $1', [scan.id]), []);
});

test('a project’s scans are deleted in steps, by two callers at once too, and then the project may go', async (t) => {
  const tenant = await b.tenant();
  const stranger = await b.tenant();
  for (let index = 0; index < 7; index += 1) await (index % 2 === 0 ? tenant.running() : tenant.create());
  t.is(await b.projects.delete(tenant.scope, tenant.project.id), 'has_scans');
  const step = (limit: number, { scope } = tenant): Promise<readonly string[]> =>
    b.scans.deleteOfProject(scope, { projectId: tenant.project.id, actor: 'user', limit, limits: noLimits, at: new Date() });
  t.deepEqual(await step(10, stranger), []);
  t.is((await step(3)).length, 3);
  const rest = await Promise.all([step(10), step(10)]);
  t.is(new Set(rest.flat()).size, 4);
  t.is(rest.flat().length, 4);
  t.deepEqual(await step(10), []);
  t.is(await b.projects.delete(tenant.scope, tenant.project.id), 'deleted');
});

test('a project is not deleted under a scan that is just being created', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const tenant = await b.tenant();
    const [created, deleted] = await Promise.all([
      b.scans.create(tenant.scope, createCommand(tenant.project.id)),
      b.projects.delete(tenant.scope, tenant.project.id),
    ]);
    t.is(created.kind === 'created', deleted === 'has_scans', `${created.kind} and ${deleted}`);
  }
});

test('pending scans expire when they are old enough, with their uploads, in steps', async (t) => {
  const own = await bench(t);
  const tenant = await own.tenant();
  const now = Date.now();
  const old = [await tenant.create({ at: new Date(now - 3000) }), await tenant.create({ at: new Date(now - 2000) })];
  const young = await tenant.create();
  const started = await tenant.admitted({ at: new Date(now - 3000) });
  const expire = (limit: number) => own.systemScans.expirePending(system, { before: new Date(now - 1000), limit, at: new Date() });
  t.deepEqual(await expire(1), [{ id: old[0]!.id, organizationId: tenant.organization.id, sequence: 2 }]);
  t.deepEqual(
    (await expire(10)).map(({ id }) => id),
    [old[1]!.id],
  );
  t.deepEqual(await expire(10), []);
  const expired = (await own.scans.findById(tenant.scope, old[0]!.id))!;
  t.like(expired, { status: 'failed', failureReason: 'source_missing' });
  t.is(expired.errorMessage, 'the scan was never started');
  t.deepEqual(await own.messages('delete-artifacts', old[0]!.id), [
    { organizationId: tenant.organization.id, scanId: old[0]!.id, type: null, keep: [] },
  ]);
  t.is((await own.scans.findById(tenant.scope, young.id))!.status, 'pending');
  t.is((await own.scans.findById(tenant.scope, started.id))!.status, 'queued');
});

test('of two completions at once one is applied and the other refused', async (t) => {
  const tenant = await b.tenant();
  for (let round = 0; round < 5; round += 1) {
    const scan = await tenant.running();
    const results = await Promise.all(
      [1, 2].map((count) => b.scans.complete(tenant.scope, completion(scan, newId(), { findings: findingsOf(scan, count) }))),
    );
    t.deepEqual(results.map(({ kind }) => kind).toSorted(), ['applied', 'refused']);
    const winner = results.find(({ kind }) => kind === 'applied');
    const stored = (await b.scans.findById(tenant.scope, scan.id))!;
    t.like(winner, { scan: { acceptedRunId: stored.acceptedRunId } });
    const shown = await b.scans.findings(tenant.scope, { scanId: scan.id, scanType: null, severity: null, pageSize: 10, pageToken: null });
    t.is(shown.items.length, stored.findings.high);
  }
});

test('of a cancellation, a completion and an end at once exactly one is applied', async (t) => {
  const tenant = await b.tenant();
  for (let round = 0; round < 8; round += 1) {
    const scan = await tenant.running();
    const results = await Promise.all([
      b.scans.complete(tenant.scope, completion(scan, null)),
      b.scans.cancel(tenant.scope, { scanId: scan.id, actor: 'user', limits: noLimits, at: new Date() }),
      b.scans.endAttempt(system, ending(scan, { reason: 'oom_killed' })),
    ]);
    t.is(results.filter(({ kind }) => kind === 'applied').length, 1);
    const stored = (await b.scans.findById(system, scan.id))!;
    t.is(stored.sequence, 4);
    t.is((await b.scans.events(system, scan.id, 0, 10)).length, 4);
  }
});

test('a database that cannot be reached is unavailable, and serves again afterwards', async (t) => {
  const own = await bench(t);
  const tenant = await own.tenant();
  await own.db.cutConnections();
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => tenant.create()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') t.is((outcome.reason as { code?: string }).code, 'unavailable');
  t.truthy(await tenant.create());
});
