import type { Finding, Scan } from '@cloudscan/domain';
import type { CompleteImportCommand, ImportKey } from '@cloudscan/orchestration';
import { aFindingDraft, aToolRun, newId } from '@cloudscan/testing';
import test from 'ava';
import { bench, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

const leaseMs = 600_000;
const tables = ['discarded_runs', 'findings', 'scan_run_batches', 'scan_runs'];

function findings(count: number, overrides: Partial<Finding> = {}): Finding[] {
  return Array.from({ length: count }, () => ({
    ...aFindingDraft(),
    id: newId(),
    scanId: '',
    organizationId: '',
    runId: '',
    createdAt: new Date(),
    ...overrides,
  }));
}

async function begun(b: Bench, tenant: Tenant, { at = new Date(), lease = leaseMs } = {}): Promise<ImportKey> {
  const key = { scanId: newId(at), runId: newId(at) };
  if (!(await b.imports.begin(tenant.scope, { ...key, projectId: tenant.project.id, leaseMs: lease, at }))) throw new Error('not begun');
  return key;
}

async function add(b: Bench, tenant: Tenant, key: ImportKey, batchKey: string, batch: readonly Finding[]): Promise<boolean> {
  return b.imports.addFindings(tenant.scope, { ...key, batchKey, findings: batch, leaseMs });
}

function completion(tenant: Tenant, key: ImportKey, overrides: Partial<CompleteImportCommand> = {}): CompleteImportCommand {
  return {
    ...key,
    projectId: tenant.project.id,
    userId: 'ada',
    actor: 'ada',
    message: 'imported from results.sarif',
    scanTypes: ['sast'],
    source: { artifactId: null, gitUrl: 'https://git.example.com/team/app.git', gitBranch: 'main', gitCommit: null },
    resultsArtifactId: null,
    tools: [aToolRun()],
    failure: null,
    idempotency: null,
    at: new Date(),
    ...overrides,
  };
}

async function complete(b: Bench, tenant: Tenant, key: ImportKey, overrides: Partial<CompleteImportCommand> = {}): Promise<Scan> {
  const result = await b.imports.complete(tenant.scope, completion(tenant, key, overrides));
  if (result.kind !== 'created') throw new Error(`not complete: ${result.kind}`);
  return result.scan;
}

/** The tables that hold something of an import. */
async function whereabouts({ db }: Bench, { scanId }: ImportKey): Promise<readonly string[]> {
  const text = tables.map((table) => `SELECT '${table}' AS name FROM ${table} WHERE scan_id = $1`).join(' UNION ');
  return (await db.query<{ name: string }>(text, [scanId])).map(({ name }) => name).toSorted();
}

test('nobody sees anything of an import before its end, and then all of it at once', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const key = await begun(b, tenant);
  t.true(await add(b, tenant, key, '1', findings(3, { severity: 'high' })));
  t.true(await add(b, tenant, key, '2', findings(2, { severity: 'low' })));
  const query = { scanId: key.scanId, scanType: null, severity: null, pageSize: 10, pageToken: null };
  t.is(await b.scans.findById(tenant.scope, key.scanId), null);
  t.is((await b.scans.findings(tenant.scope, query)).totalCount, 0);

  const scan = await complete(b, tenant, key);
  t.deepEqual(await b.scans.findById(tenant.scope, key.scanId), scan);
  t.like(scan, { status: 'completed', attempt: 1, acceptedRunId: key.runId, queuedAt: null, jobName: null });
  t.deepEqual(scan.findings, { critical: 0, high: 3, medium: 0, low: 2, info: 0 });
  t.is((await b.scans.findings(tenant.scope, query)).totalCount, 5);
  const events = await b.scans.events(tenant.scope, scan.id, 0, 10);
  t.is(events.length, 1);
  t.like(events[0], { sequence: 1, from: null, to: 'completed', actor: 'ada', message: 'imported from results.sarif' });
  t.deepEqual(await whereabouts(b, key), ['findings', 'scan_run_batches', 'scan_runs']);
});

test('a batch that comes again is counted once', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const key = await begun(b, tenant);
  const batch = findings(4, { severity: 'medium' });
  t.true(await add(b, tenant, key, '1', batch));
  t.true(await add(b, tenant, key, '1', batch));
  t.is((await complete(b, tenant, key)).findings.medium, 4);
});

test('an import of which no tool has succeeded is a failed scan that keeps its findings', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const key = await begun(b, tenant);
  await add(b, tenant, key, '1', findings(1, { severity: 'info' }));
  const scan = await complete(b, tenant, key, { failure: { reason: 'tool_error', message: 'no tool succeeded' } });
  t.like(scan, { status: 'failed', failureReason: 'tool_error', errorMessage: 'no tool succeeded', acceptedRunId: key.runId });
  t.is(scan.findings.info, 1);
});

test('what an abandoned import has written is collected; an import at work is left alone', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const [left, atWork] = [await begun(b, tenant), await begun(b, tenant)];
  for (const key of [left, atWork]) await add(b, tenant, key, '1', findings(3));
  await b.imports.abandon(tenant.scope, left);
  t.is(await b.systemScans.collectDiscarded(system, 1000), 3);
  t.deepEqual(await whereabouts(b, left), []);
  t.deepEqual(await whereabouts(b, atWork), tables);
  t.is((await complete(b, tenant, atWork)).status, 'completed');
  await b.imports.abandon(tenant.scope, atWork);
  t.is(await b.systemScans.collectDiscarded(system, 1000), 0);
});

test('an import whose lease has run out is refused, and collected', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const key = await begun(b, tenant, { lease: 0 });
  t.false(await add(b, tenant, key, '1', findings(1)));
  t.is((await b.imports.complete(tenant.scope, completion(tenant, key))).kind, 'expired');
  await b.systemScans.collectDiscarded(system, 1000);
  t.deepEqual(await whereabouts(b, key), []);
  t.is(await b.scans.findById(tenant.scope, key.scanId), null);
});

test('of two imports with one key the first makes the scan, and the other answers it', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const keys = [await begun(b, tenant), await begun(b, tenant)];
  for (const key of keys) await add(b, tenant, key, '1', findings(2));
  const idempotency = { key: 'report-1', requestHash: 'same' };
  const results = await Promise.all(keys.map((key) => b.imports.complete(tenant.scope, completion(tenant, key, { idempotency }))));
  t.deepEqual(results.map(({ kind }) => kind).toSorted(), ['created', 'replayed']);
  const ids = results.map((result) => ('scan' in result ? result.scan.id : ''));
  t.is(ids[0], ids[1]);

  const other = await begun(b, tenant);
  const conflict = completion(tenant, other, { idempotency: { ...idempotency, requestHash: 'another' } });
  t.is((await b.imports.complete(tenant.scope, conflict)).kind, 'key_conflict');
  const late = keys.find(({ scanId }) => scanId !== ids[0])!;
  for (const key of [late, other]) await b.imports.abandon(tenant.scope, key);
  await b.systemScans.collectDiscarded(system, 1000);
  for (const key of [late, other]) t.deepEqual(await whereabouts(b, key), []);
});

test('an import belongs to its organization and needs its project to the end', async (t) => {
  const b = await bench(t);
  const [tenant, stranger] = [await b.tenant(), await b.tenant()];
  const key = await begun(b, tenant);
  t.false(await add(b, stranger, key, '1', findings(1)));
  t.is((await b.imports.complete(stranger.scope, completion(stranger, key))).kind, 'expired');
  await b.imports.abandon(stranger.scope, key);
  t.true(await add(b, tenant, key, '1', findings(1)));
  const foreign = { scanId: newId(), runId: newId(), projectId: tenant.project.id, leaseMs, at: new Date() };
  t.false(await b.imports.begin(stranger.scope, foreign));
  await b.projects.delete(tenant.scope, tenant.project.id);
  t.is((await b.imports.complete(tenant.scope, completion(tenant, key))).kind, 'project_not_found');
});

test('begins in a month that has no partitions yet', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const key = await begun(b, tenant, { at: new Date('2044-02-03T04:05:06Z') });
  await add(b, tenant, key, '1', findings(1));
  t.is((await complete(b, tenant, key)).createdAt.toISOString(), '2044-02-03T04:05:06.000Z');
});
