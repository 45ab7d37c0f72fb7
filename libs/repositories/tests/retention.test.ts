import { isDeepStrictEqual } from 'node:util';
import { systemScope } from '@cloudscan/auth';
import type { Scan } from '@cloudscan/domain';
import { enforceRetention, previewRetention, RetentionTally } from '@cloudscan/orchestration';
import type { SystemPorts } from '@cloudscan/orchestration';
import { newId } from '@cloudscan/testing';
import test from 'ava';
import { PgSystemScanRepository } from '../src/scans/system-scan-repository.ts';
import { batch, bench, completion, findingsOf, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

const dayMs = 86_400_000;
const now = new Date('2031-06-15T12:00:00Z');
const policy = { retentionMs: 90 * dayMs, batchSize: 3, pauseMs: 0 };
const never = new AbortController().signal;

function daysAgo(days: number): Date {
  return new Date(now.getTime() - days * dayMs);
}

function ports(b: Bench, removal: Partial<SystemPorts['system']> = {}): Pick<SystemPorts, 'scope' | 'system' | 'clock'> {
  const { systemScans } = b;
  const delegate: Partial<SystemPorts['system']> = {
    removeEnded: (scope, command) => systemScans.removeEnded(scope, command),
    findEnded: (scope, command) => systemScans.findEnded(scope, command),
    collectDiscarded: (scope, limit) => systemScans.collectDiscarded(scope, limit),
    partitionMonths: (scope) => systemScans.partitionMonths(scope),
  };
  return { scope: systemScope('cleaner'), clock: { now: () => now }, system: { ...delegate, ...removal } as SystemPorts['system'] };
}

/** Completed a minute after it was created, with findings of the run that counts and of one that does not. */
async function completed(b: Bench, tenant: Tenant, at: Date, endedAt = new Date(at.getTime() + 60_000)): Promise<Scan> {
  const scan = await tenant.running({ at });
  const runId = newId();
  await b.scans.addFindings(tenant.scope, batch(scan, runId, '1', findingsOf(scan, 5)));
  await b.scans.addFindings(tenant.scope, batch(scan, newId(), '1', findingsOf(scan, 2)));
  await b.scans.complete(tenant.scope, completion(scan, runId, { at: endedAt }));
  return scan;
}

const tables = ['scans', 'scan_events', 'scan_runs', 'scan_run_batches', 'findings'];

/** The tables that hold something of a scan. */
async function whereabouts({ db }: Bench, { id }: Scan): Promise<readonly string[]> {
  const text = tables.map((table) => `SELECT '${table}' AS name FROM ${table} WHERE ${table === 'scans' ? 'id' : 'scan_id'} = $1`);
  const rows = await db.query<{ name: string }>(text.join(' UNION '), [id]);
  return rows.map(({ name }) => name).toSorted();
}

const whole = tables.toSorted();

/** The messages that have all artifacts of the scan deleted. */
async function deletions(b: Bench, { id, organizationId }: Scan): Promise<number> {
  const messages = await b.messages('delete-artifacts', id);
  const message = { organizationId, scanId: id, type: null, keep: [] };
  return messages.filter((sent) => isDeepStrictEqual(sent, message)).length;
}

/** What waited of the runs' own ends, as the queue has long handled it. */
async function handleMessages({ db }: Bench): Promise<void> {
  await db.query(`DELETE FROM pgboss.job WHERE name = 'delete-artifacts'`);
}

test('what ended longer ago than it is kept goes whole, its artifacts by the queue; everything else stays', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const old = [await completed(b, tenant, daysAgo(400)), await completed(b, tenant, daysAgo(91))];
  const cancelled = await tenant.create({ at: daysAgo(200) });
  await b.scans.cancel(tenant.scope, { scanId: cancelled.id, actor: 'user', limits: noLimits, at: daysAgo(199) });
  const kept = [
    await completed(b, tenant, daysAgo(89)),
    // Old, and ended late.
    await completed(b, tenant, daysAgo(120), daysAgo(5)),
  ];
  const active = [await tenant.running({ at: daysAgo(300) }), await tenant.admitted({ at: daysAgo(300) })];
  const pending = await tenant.create({ at: daysAgo(300) });
  await handleMessages(b);

  t.like(await previewRetention(ports(b), policy, never), { scans: 3, findings: 10 });
  const tally = new RetentionTally();
  await enforceRetention(ports(b), policy, tally, never);
  t.like(tally, { scans: 3, findings: 10 });
  t.true(tally.longestBatchMs > 0);
  for (const scan of [...old, cancelled]) {
    t.deepEqual(await whereabouts(b, scan), []);
    t.is(await deletions(b, scan), 1);
  }
  for (const scan of kept) t.deepEqual(await whereabouts(b, scan), whole);
  for (const scan of [...kept, ...active, pending]) {
    t.true((await whereabouts(b, scan)).includes('scans'));
    t.is((await b.messages('delete-artifacts', scan.id)).length, 0);
  }
  t.deepEqual(await b.db.query('SELECT FROM discarded_runs'), []);
  t.like(await previewRetention(ports(b), policy, never), { scans: 0, findings: 0 });
});

test('stopped after any transaction, a scan is there or not, and the next run ends the work', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const scans: Scan[] = [];
  for (let day = 0; day < 5; day += 1) scans.push(await completed(b, tenant, daysAgo(100 + day)));
  await handleMessages(b);
  let interruptions = 0;
  let total = 0;
  for (let stopAfter = 1; total < scans.length; stopAfter += 1) {
    const stop = new AbortController();
    let transactions = 0;
    const counted = async <T>(work: Promise<T>): Promise<T> => {
      const result = await work;
      transactions += 1;
      if (transactions === stopAfter) stop.abort();
      return result;
    };
    const tally = new RetentionTally();
    const stopping = ports(b, {
      removeEnded: (scope, command) => counted(b.systemScans.removeEnded(scope, command)),
      collectDiscarded: (scope, limit) => counted(b.systemScans.collectDiscarded(scope, limit)),
    });
    const interrupted = await enforceRetention(stopping, { ...policy, batchSize: 2 }, tally, stop.signal).then(
      () => false,
      (error: Error) => error.name === 'AbortError',
    );
    if (interrupted) interruptions += 1;
    total += tally.scans;
    for (const scan of scans) {
      const found = await whereabouts(b, scan);
      const isThere = found.includes('scans');
      t.is(await deletions(b, scan), isThere ? 0 : 1);
      if (isThere) t.deepEqual(found, whole);
      else t.false(found.includes('scan_events'));
    }
  }
  t.true(interruptions >= 2);
  t.is(total, scans.length);
  await enforceRetention(ports(b), policy, new RetentionTally(), never);
  for (const scan of scans) t.deepEqual(await whereabouts(b, scan), []);
});

test('of two at once each scan is removed by one, with one message', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const scans: Scan[] = [];
  for (let day = 0; day < 8; day += 1) scans.push(await completed(b, tenant, daysAgo(100 + day)));
  await handleMessages(b);
  const tallies = [new RetentionTally(), new RetentionTally()];
  await Promise.all(tallies.map((tally) => enforceRetention(ports(b), { ...policy, batchSize: 1 }, tally, never)));
  t.is(
    tallies.reduce((sum, tally) => sum + tally.scans, 0),
    scans.length,
  );
  for (const scan of scans) {
    t.deepEqual(await whereabouts(b, scan), []);
    t.is(await deletions(b, scan), 1);
  }
});

test('a scan that somebody works on is left for the next run, and holds up no other', async (t) => {
  const b = await bench(t);
  const tenant = await b.tenant();
  const [held, free] = [await completed(b, tenant, daysAgo(101)), await completed(b, tenant, daysAgo(100))];
  await b.db.database.transaction(system, async (transaction) => {
    await transaction.query('SELECT FROM scans WHERE id = $1 FOR NO KEY UPDATE', [held.id]);
    await enforceRetention(ports(b), policy, new RetentionTally(), never);
  });
  t.deepEqual(await whereabouts(b, held), whole);
  t.deepEqual(await whereabouts(b, free), []);
  await enforceRetention(ports(b), policy, new RetentionTally(), never);
  t.deepEqual(await whereabouts(b, held), []);
});

test('without its message a scan does not go', async (t) => {
  const b = await bench(t);
  const scan = await completed(b, await b.tenant(), daysAgo(100));
  const failing = new PgSystemScanRepository(b.db.database, {
    send: async () => {
      throw new Error('the queue refuses');
    },
  });
  const refused = ports(b, { removeEnded: (scope, command) => failing.removeEnded(scope, command) });
  await t.throwsAsync(enforceRetention(refused, policy, new RetentionTally(), never), { code: 'internal' });
  t.deepEqual(await whereabouts(b, scan), whole);
});

test('a table that is locked for long ends the run instead of queueing others behind it', async (t) => {
  const b = await bench(t);
  const scan = await completed(b, await b.tenant(), daysAgo(100));
  const error = await b.db.database.transaction(system, async (transaction) => {
    await transaction.query('LOCK TABLE ONLY scan_events IN SHARE ROW EXCLUSIVE MODE');
    return enforceRetention(ports(b), policy, new RetentionTally(), never).catch((caught: unknown) => caught);
  });
  t.is((error as { cause?: { code?: string } }).cause?.code, '55P03');
  t.deepEqual(await whereabouts(b, scan), whole);
  await enforceRetention(ports(b), policy, new RetentionTally(), never);
  t.deepEqual(await whereabouts(b, scan), []);
});

test('the months that have partitions are known, and which of the next ones have none', async (t) => {
  const { systemScans } = await bench(t);
  const [past, future] = [new Date('2020-02-10T00:00:00Z'), new Date('2040-11-30T00:00:00Z')];
  await systemScans.ensurePartitions(system, past, 1);
  const months = await systemScans.partitionMonths(system);
  t.deepEqual(months[0], new Date('2020-02-01T00:00:00Z'));
  t.deepEqual(
    months,
    months.toSorted((a, z) => a.getTime() - z.getTime()),
  );

  await systemScans.ensurePartitions(system, future, 1);
  const missing = await systemScans.missingPartitions(system, future, 3);
  t.deepEqual(
    missing,
    ['2040_12', '2041_01'].flatMap((month) => whole.map((table) => `${table}_${month}`)),
  );
  t.deepEqual(await systemScans.ensurePartitions(system, future, 3), missing);
  t.deepEqual(await systemScans.missingPartitions(system, future, 3), []);
});
