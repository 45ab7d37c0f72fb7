import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import type { Scan } from '@cloudscan/domain';
import { eventually, newId } from '@cloudscan/testing';
import { limits, signal, SweeperFixture } from './fixture.ts';

const system = systemScope('test');
const slowly = { timeoutMs: 20_000 };

/** The scan once it is in the state, without any pass of a sweeper. */
async function comesTo(fixture: SweeperFixture, id: string, status: Scan['status'], attempt: number): Promise<Scan> {
  return eventually(async () => {
    const scan = await fixture.find(id);
    return scan.status === status && scan.attempt === attempt ? scan : null;
  }, slowly);
}

test('a run that the infrastructure ended is tried again as soon as it ends, and leaves nothing behind', async (t) => {
  const fixture = await SweeperFixture.create(t);
  await fixture.sweeper(t);
  const scan = await fixture.scan();
  const jobName = await fixture.job(scan, 'setsid sleep 600 & sleep 600', 'running');
  process.kill((await fixture.jobs.find(system, jobName))!.supervisor!.pid, 'SIGKILL');
  t.is((await comesTo(fixture, scan.id, 'queued', 2)).jobName, null);
  // The record goes after the folder.
  await eventually(async () => (await fixture.jobs.find(system, jobName)) === null, slowly);
  t.deepEqual(await fixture.folders(), []);
  t.is(await fixture.messages('dispatch'), 2);
});

test('the last attempt fails its scan, with reason, evidence and what helps', async (t) => {
  const fixture = await SweeperFixture.create(t);
  await fixture.sweeper(t);
  const { id } = await fixture.scan();
  await fixture.start(await fixture.find(id), 'echo first; kill -9 $$');
  await comesTo(fixture, id, 'queued', 2);
  await fixture.start(await fixture.find(id), 'echo second; kill -9 $$');
  t.like(await comesTo(fixture, id, 'failed', 2), {
    failureReason: 'runner_lost',
    failureEvidence: { signal: 'SIGKILL', logTail: 'second\n' },
    errorMessage: 'the runner was lost before it had completed the scan; start it again',
  });
});

test('a runner that ends well without having completed its scan has not completed it', async (t) => {
  const fixture = await SweeperFixture.create(t);
  await fixture.sweeper(t);
  const { id } = await fixture.scan();
  await fixture.start(await fixture.find(id), 'exit 0');
  t.is((await comesTo(fixture, id, 'queued', 2)).failureReason, null);
});

test('a failure of the tool is not tried again', async (t) => {
  const fixture = await SweeperFixture.create(t);
  await fixture.sweeper(t);
  const { id } = await fixture.scan();
  await fixture.start(await fixture.find(id), 'exit 3');
  t.like(await comesTo(fixture, id, 'failed', 1), { failureReason: 'tool_error', failureEvidence: { exitCode: 3 } });
});

test('the Job of a completed scan is removed, and that of a running one is not', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const completed = await fixture.scan();
  await fixture.job(completed, 'exit 0', 'succeeded');
  await fixture.complete(completed.id);
  const running = await fixture.job(await fixture.scan(), 'sleep 600', 'running');
  const sweeper = await fixture.sweeper(t);
  const survey = await eventually(() => sweeper.sweepOnce(signal));
  t.is(survey.activeScans, 1);
  await eventually(async () => (await fixture.folders()).length === 1, slowly);
  t.deepEqual(await fixture.folders(), [running]);
  t.is((await fixture.find(completed.id)).status, 'completed');
  t.like(await sweeper.sweepOnce(signal), { activeScans: 1, jobs: 1, activeJobs: 1, again: new Map() });
});

test('a delayed Job of a cancelled scan is stopped and removed', async (t) => {
  const fixture = await SweeperFixture.create(t);
  await fixture.sweeper(t);
  const scan = await fixture.scan();
  await fixture.repositories.scans.cancel(fixture.scope, { scanId: scan.id, actor: 'test', limits, at: new Date() });
  const jobName = await fixture.start(scan, 'sleep 600');
  await eventually(async () => (await fixture.jobs.find(system, jobName)) === null, slowly);
  await eventually(async () => (await fixture.folders()).length === 0, slowly);
  t.is((await fixture.find(scan.id)).status, 'cancelled');
});

test('a lost dispatch message is sent again', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = await fixture.sweeper(t);
  await fixture.scan();
  await fixture.database.query("DELETE FROM pgboss.job WHERE name = 'dispatch'");
  await eventually(() => sweeper.sweepOnce(signal));
  await eventually(async () => (await fixture.messages('dispatch')) === 1);
  await sweeper.sweepOnce(signal);
  t.is(await fixture.messages('dispatch'), 1);
});

test('a collector pass expires what was never started and removes folders without a record', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = await fixture.sweeper(t);
  const old = await fixture.scan({ at: new Date(Date.now() - 25 * 3_600_000), start: false });
  const fresh = await fixture.scan({ start: false });
  await mkdir(join(fixture.workRoot, `scan-${newId()}-1`));
  t.like(await sweeper.collectOnce(signal), { expired: 1, orphans: 1 });
  t.like(await fixture.find(old.id), { status: 'failed', failureReason: 'source_missing' });
  t.is((await fixture.find(fresh.id)).status, 'pending');
  t.is(await fixture.messages('delete-artifacts'), 1);
  t.deepEqual(await fixture.folders(), []);
  t.like(await sweeper.collectOnce(signal), { expired: 0, orphans: 0 });
});

test('partitions are made ahead once', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = await fixture.sweeper(t);
  await sweeper.partitionOnce();
  t.deepEqual(await sweeper.partitionOnce(), []);
});

test('of two sweepers one does every pass, and the other one follows it', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const [first, second] = [await fixture.sweeper(t), await fixture.sweeper(t)];
  t.truthy(await eventually(() => first.sweepOnce(signal)));
  t.is(await second.sweepOnce(signal), null);
  t.is(await second.collectOnce(signal), null);
  t.is(await second.partitionOnce(), null);
  t.truthy(await first.collectOnce(signal));
});

test('a leader that loses its database stops acting, and follows the Jobs again once it leads again', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = await fixture.sweeper(t);
  await eventually(() => sweeper.sweepOnce(signal));
  await fixture.database.cutConnections();
  await eventually(async () => (await sweeper.sweepOnce(signal)) === null);
  const scan = await fixture.scan();
  await eventually(() => sweeper.lead().catch(() => false));
  await eventually(() => sweeper.sweepOnce(signal));
  await fixture.start(scan, 'exit 3');
  t.is((await comesTo(fixture, scan.id, 'failed', 1)).failureReason, 'tool_error');
});
