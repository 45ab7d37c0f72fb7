import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { newId } from '@cloudscan/testing';
import { limits, signal, SweeperFixture } from './fixture.ts';

const system = systemScope('test');

test('a run that the infrastructure ended is tried again, and leaves nothing behind', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  const scan = await fixture.scan();
  const jobName = await fixture.job(scan, 'setsid sleep 600 & sleep 600', 'running');
  process.kill((await fixture.jobs.find(system, jobName))!.supervisor!.pid, 'SIGKILL');
  while ((await sweeper.sweepOnce(signal))!.ended === 0);
  t.like(await fixture.find(scan.id), { status: 'queued', attempt: 2, jobName: null });
  t.is(await fixture.jobs.find(system, jobName), null);
  t.deepEqual(await fixture.folders(), []);
  t.is(await fixture.messages('dispatch'), 2);
});

test('the last attempt fails its scan, with reason and evidence', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  const { id } = await fixture.scan();
  await fixture.job(await fixture.find(id), 'echo first; kill -9 $$', 'failed');
  t.is((await sweeper.sweepOnce(signal))?.ended, 1);
  await fixture.job(await fixture.find(id), 'echo second; kill -9 $$', 'failed');
  t.is((await sweeper.sweepOnce(signal))?.ended, 1);
  t.like(await fixture.find(id), {
    ...{ status: 'failed', attempt: 2, failureReason: 'runner_lost' },
    failureEvidence: { signal: 'SIGKILL', logTail: 'second\n' },
    errorMessage: 'the runner was lost before it had completed the scan',
  });
  t.deepEqual(await fixture.folders(), []);
});

test('a runner that ends well without having completed its scan has not completed it', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  const { id } = await fixture.scan();
  await fixture.job(await fixture.find(id), 'exit 0', 'succeeded');
  await sweeper.sweepOnce(signal);
  t.like(await fixture.find(id), { status: 'queued', attempt: 2 });
});

test('a failure of the tool is not tried again', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  const { id } = await fixture.scan();
  await fixture.job(await fixture.find(id), 'exit 3', 'failed');
  await sweeper.sweepOnce(signal);
  t.like(await fixture.find(id), { status: 'failed', attempt: 1, failureReason: 'tool_error', failureEvidence: { exitCode: 3 } });
});

test('the Job of a completed scan is removed, and that of a running one is not', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  const completed = await fixture.scan();
  await fixture.job(completed, 'exit 0', 'succeeded');
  await fixture.complete(completed.id);
  const running = await fixture.job(await fixture.scan(), 'sleep 600', 'running');
  t.like(await sweeper.sweepOnce(signal), { activeScans: 1, jobs: 2, ended: 0, removed: 1 });
  t.is((await fixture.find(completed.id)).status, 'completed');
  t.deepEqual(await fixture.folders(), [running]);
  t.like(await sweeper.sweepOnce(signal), { activeScans: 1, jobs: 1, ended: 0, removed: 0 });
});

test('a delayed Job of a cancelled scan is stopped and removed', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  const scan = await fixture.scan();
  await fixture.repositories.scans.cancel(fixture.scope, { scanId: scan.id, actor: 'test', limits, at: new Date() });
  await fixture.job(scan, 'sleep 600', 'running');
  t.is((await sweeper.sweepOnce(signal))?.removed, 1);
  t.deepEqual(await fixture.folders(), []);
});

test('a lost dispatch message is sent again', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  await fixture.scan();
  await fixture.database.query("DELETE FROM pgboss.job WHERE name = 'dispatch'");
  t.is(await fixture.messages('dispatch'), 0);
  t.is((await sweeper.sweepOnce(signal))?.redispatched, 1);
  t.is(await fixture.messages('dispatch'), 1);
  await sweeper.sweepOnce(signal);
  t.is(await fixture.messages('dispatch'), 1);
});

test('a collector pass expires what was never started and removes folders without a record', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  const old = await fixture.scan({ at: new Date(Date.now() - 25 * 3_600_000), start: false });
  const fresh = await fixture.scan({ start: false });
  await mkdir(join(fixture.workRoot, `scan-${newId()}-1`));
  await sweeper.sweepOnce(signal);
  t.like(await sweeper.collectOnce(signal), { expired: 1, orphans: 1 });
  t.like(await fixture.find(old.id), { status: 'failed', failureReason: 'source_missing' });
  t.is((await fixture.find(fresh.id)).status, 'pending');
  t.is(await fixture.messages('delete-artifacts'), 1);
  t.deepEqual(await fixture.folders(), []);
  t.like(await sweeper.collectOnce(signal), { expired: 0, orphans: 0 });
});

test('partitions are made ahead once', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const sweeper = fixture.sweeper(t);
  await sweeper.sweepOnce(signal);
  await sweeper.partitionOnce();
  t.deepEqual(await sweeper.partitionOnce(), []);
});

test('of two sweepers one does every pass', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const [first, second] = [fixture.sweeper(t), fixture.sweeper(t)];
  t.truthy(await first.sweepOnce(signal));
  t.is(await second.sweepOnce(signal), null);
  t.is(await second.collectOnce(signal), null);
  t.is(await second.partitionOnce(), null);
  t.truthy(await first.collectOnce(signal));
});
