import { severities } from '@cloudscan/domain';
import type { Finding, Scan } from '@cloudscan/domain';
import type { ListFindingsQuery, Page } from '@cloudscan/orchestration';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { batch, bench, completion, ending, findingsOf, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

const file = testFile(test);
let b: Bench;
test.before(async () => {
  b = await bench(file, { maxConnections: 20 });
});

async function page({ scope }: Tenant, scan: Scan, query: Partial<ListFindingsQuery> = {}): Promise<Page<Finding>> {
  return b.scans.findings(scope, { scanId: scan.id, scanType: null, severity: null, pageSize: 1000, pageToken: null, ...query });
}

function idsOf(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ id }) => id);
}

test('a finding comes back with every field as it was sent', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const runId = newId();
  const [finding] = findingsOf(scan, 1, {
    runId,
    severity: 'critical',
    cvssScore: 9.8,
    cvssVector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H',
    references: ['https://a.example/"quoted",{braced}', 'zwei\\', ''],
    title: 'Ünïcödé 🙈',
    rawOutput: '{"a": [1, "\\u0000"]}',
  });
  t.like(await b.scans.addFindings(tenant.scope, batch(scan, runId, '1', [finding!])), { kind: 'added', count: 1 });
  t.deepEqual((await page(tenant, scan)).items, [finding!]);
});

test('text that PostgreSQL cannot hold is stored readable', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const findings = findingsOf(scan, 1, { codeSnippet: 'a\0b', references: ['\ud800', 'x\0'] });
  await b.scans.addFindings(tenant.scope, batch(scan, null, '1', findings));
  t.like((await page(tenant, scan)).items[0], { codeSnippet: 'a\uFFFDb', references: ['\uFFFD', 'x\uFFFD'] });
});

test('a batch counts once, however often and however concurrently it comes', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.admitted();
  const runId = newId();
  const batches = Array.from({ length: 5 }, (_, index) =>
    batch(scan, runId, String(index), findingsOf(scan, 40, { severity: severities[index]! })),
  );
  const results = await Promise.all([...batches, ...batches, ...batches].map((command) => b.scans.addFindings(tenant.scope, command)));
  t.is(results.filter(({ kind }) => kind === 'added').length, 5);
  t.is(results.filter(({ kind }) => kind === 'duplicate').length, 10);
  t.true(results.every((result) => 'count' in result && result.count === 40));
  await b.scans.complete(tenant.scope, completion(scan, runId));
  const stored = (await b.scans.findById(tenant.scope, scan.id))!;
  t.deepEqual(stored.findings, { critical: 40, high: 40, medium: 40, low: 40, info: 40 });
  t.is((await page(tenant, scan)).totalCount, 200);
  t.is(stored.sequence, 4, 'one of them made the scan running');
});

test('an empty batch is a batch', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.admitted();
  t.like(await b.scans.addFindings(tenant.scope, batch(scan, null, 'none', [])), { kind: 'added', count: 0, scan: { status: 'running' } });
  t.like(await b.scans.addFindings(tenant.scope, batch(scan, null, 'none', [])), { kind: 'duplicate', count: 0 });
});

test('a runner that names neither attempt nor run keeps to one run for each attempt', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.admitted();
  const older = { attempt: null, runId: null };
  await b.scans.addFindings(tenant.scope, batch(scan, null, '1', findingsOf(scan, 2), older));
  await b.scans.addFindings(tenant.scope, batch(scan, null, '2', findingsOf(scan, 3), older));
  t.is((await page(tenant, scan)).totalCount, 5);
  await b.scans.endAttempt(system, ending(scan));
  await b.scans.addFindings(tenant.scope, batch(scan, null, '1', findingsOf(scan, 4), older));
  t.like(await b.scans.complete(tenant.scope, completion(scan, null, older)), { kind: 'applied', scan: { findings: { high: 4 } } });
  t.like(await b.scans.complete(tenant.scope, completion(scan, null, older)), { kind: 'unchanged' });
});

test('while a scan is active its newest run of the current attempt is shown, afterwards the accepted one', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const [first, second] = [findingsOf(scan, 2), findingsOf(scan, 3)];
  const [firstRun, secondRun] = [newId(), newId()];
  const at = (offset: number): Date => new Date(Date.now() + offset);
  t.deepEqual((await page(tenant, scan)).items, []);
  await b.scans.addFindings(tenant.scope, batch(scan, firstRun, '1', first, { at: at(0) }));
  await b.scans.addFindings(tenant.scope, batch(scan, secondRun, '1', second, { at: at(1000) }));
  t.deepEqual(idsOf((await page(tenant, scan)).items).toSorted(), idsOf(second).toSorted());
  await b.scans.complete(tenant.scope, completion(scan, firstRun));
  t.deepEqual(idsOf((await page(tenant, scan)).items).toSorted(), idsOf(first).toSorted());
  t.like(await b.scans.findById(tenant.scope, scan.id), { findings: { high: 2 } });
});

test('a run belongs to one attempt', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const runId = newId();
  await b.scans.addFindings(tenant.scope, batch(scan, runId, '1', findingsOf(scan, 1)));
  await b.scans.endAttempt(system, ending(scan));
  const next = (await b.scans.findById(system, scan.id))!;
  t.like(await b.scans.addFindings(tenant.scope, batch(next, runId, '2', findingsOf(scan, 1))), { kind: 'refused', because: 'attempt' });
  t.like(await b.scans.complete(tenant.scope, completion(next, runId)), { kind: 'refused', because: 'run' });
  t.is((await b.scans.findById(system, scan.id))!.status, 'queued');
});

test('the findings that come with the completion are committed with it or not at all', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const [finding] = findingsOf(scan, 1);
  const twice = [finding!, finding!];
  await t.throwsAsync(b.scans.complete(tenant.scope, completion(scan, newId(), { findings: twice })), { code: 'internal' });
  t.deepEqual(await b.scans.findById(tenant.scope, scan.id), scan);
  t.deepEqual(await b.db.query('SELECT FROM findings WHERE scan_id = $1', [scan.id]), []);
});

test('pages go by severity, then by id, hold each finding once, and stay so while batches are added', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const runId = newId();
  const early = severities.flatMap((severity) => findingsOf(scan, 20, { severity }));
  await b.scans.addFindings(tenant.scope, batch(scan, runId, 'early', early));
  const seen: Finding[] = [];
  let token: string | null = null;
  let round = 0;
  do {
    const next: Page<Finding> = await page(tenant, scan, { pageSize: 7, pageToken: token });
    seen.push(...next.items);
    token = next.nextPageToken;
    await b.scans.addFindings(tenant.scope, batch(scan, runId, `late-${round}`, findingsOf(scan, 1, { severity: severities[round % 5]! })));
    round += 1;
  } while (token !== null);
  t.is(new Set(idsOf(seen)).size, seen.length);
  t.true(early.every(({ id }) => seen.some((finding) => finding.id === id)));
  const keys = seen.map(({ severity, id }) => `${severities.indexOf(severity)} ${id}`);
  t.deepEqual(keys, keys.toSorted());
});

test('filters by type and severity, with the total of what they leave', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const findings = [
    ...findingsOf(scan, 3, { scanType: 'sast', severity: 'high' }),
    ...findingsOf(scan, 2, { scanType: 'sast', severity: 'low' }),
    ...findingsOf(scan, 4, { scanType: 'sca', severity: 'high' }),
  ];
  await b.scans.addFindings(tenant.scope, batch(scan, null, '1', findings));
  const total = async (query: Partial<ListFindingsQuery>): Promise<readonly [number, number]> => {
    const { items, totalCount } = await page(tenant, scan, query);
    return [items.length, totalCount];
  };
  t.deepEqual(await total({}), [9, 9]);
  t.deepEqual(await total({ scanType: 'sast' }), [5, 5]);
  t.deepEqual(await total({ severity: 'high' }), [7, 7]);
  t.deepEqual(await total({ scanType: 'sca', severity: 'high', pageSize: 1 }), [1, 4]);
  t.deepEqual(await total({ scanType: 'license' }), [0, 0]);
});

test('a total is exact up to 10,000 and then that bound', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  await b.scans.addFindings(tenant.scope, batch(scan, null, '1', findingsOf(scan, 10_000)));
  t.like(await page(tenant, scan, { pageSize: 1 }), { totalCount: 10_000, totalCountExact: true });
  await b.scans.addFindings(tenant.scope, batch(scan, null, '2', findingsOf(scan, 1)));
  t.like(await page(tenant, scan, { pageSize: 1 }), { totalCount: 10_000, totalCountExact: false });
});

test('a page token of another query, organization or scan, or an altered one, is refused by its name', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  await b.scans.addFindings(tenant.scope, batch(scan, null, '1', findingsOf(scan, 3)));
  const token = (await page(tenant, scan, { pageSize: 1 })).nextPageToken!;
  t.is((await page(tenant, scan, { pageSize: 2, pageToken: token })).items.length, 2, 'the size of the page may change');
  const stranger = await b.tenant();
  const altered = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
  const scans = await b.scans.list(tenant.scope, { projectId: null, status: null, pageSize: 1, pageToken: null });
  const attempts = [
    page(tenant, scan, { severity: 'high', pageToken: token }),
    page(tenant, scan, { scanType: 'sast', pageToken: token }),
    page(stranger, scan, { pageToken: token }),
    page(tenant, await tenant.running(), { pageToken: token }),
    page(tenant, scan, { pageToken: altered }),
    page(tenant, scan, { pageToken: 'nonsense' }),
    page(tenant, scan, { pageToken: `${token}=` }),
    b.scans.list(tenant.scope, { projectId: null, status: null, pageSize: 1, pageToken: token }),
  ];
  for (const attempt of attempts) {
    const error = await t.throwsAsync<Error & { violations: object[] }>(attempt, { code: 'invalid_argument' });
    t.like(error.violations[0], { field: 'page_token' });
  }
  t.is(scans.items.length, 1);
});

test('what no scan counts is collected: lost runs at the end, everything after a deletion', async (t) => {
  const own = await bench(t);
  const tenant = await own.tenant();
  const scan = await tenant.running();
  const [lost, accepted] = [newId(), newId()];
  const add = (runId: string, key: string, count: number): Promise<unknown> =>
    own.scans.addFindings(tenant.scope, batch(scan, runId, key, findingsOf(scan, count)));
  await add(lost, '1', 30);
  await add(lost, '2', 30);
  await add(accepted, '1', 10);
  t.is(await own.systemScans.collectDiscarded(system, 100), 0, 'a run of an active scan is nobody’s to collect');
  await own.scans.complete(tenant.scope, completion(scan, accepted));
  t.is(await own.systemScans.collectDiscarded(system, 25), 25);
  t.deepEqual(
    await Promise.all([own.systemScans.collectDiscarded(system, 1000), own.systemScans.collectDiscarded(system, 1000)]).then(
      ([a, z]) => a + z,
    ),
    35,
  );
  const left = async (): Promise<object> => {
    const [row] = await own.db.query<object>(
      `SELECT (SELECT count(*)::integer FROM findings) AS findings, (SELECT count(*)::integer FROM scan_runs) AS runs,
        (SELECT count(*)::integer FROM scan_run_batches) AS batches, (SELECT count(*)::integer FROM discarded_runs) AS discarded,
        (SELECT count(*)::integer FROM scans) AS scans, (SELECT count(*)::integer FROM scan_events) AS events`,
    );
    return row!;
  };
  t.like(await left(), { findings: 10, runs: 1, batches: 1, discarded: 0, scans: 1 });
  t.true(await own.scans.delete(tenant.scope, { scanId: scan.id, actor: 'user', limits: noLimits, at: new Date() }));
  t.like(await left(), { findings: 10, scans: 0, events: 0 });
  t.is(await own.systemScans.collectDiscarded(system, 1000), 10);
  t.deepEqual(await left(), { findings: 0, runs: 0, batches: 0, discarded: 0, scans: 0, events: 0 });
});
