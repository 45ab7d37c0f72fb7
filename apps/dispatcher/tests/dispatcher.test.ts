import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { DomainError, unavailable } from '@cloudscan/domain';
import type { JobDispatcher, JobSpec } from '@cloudscan/orchestration';
import { eventually } from '@cloudscan/testing';
import { DispatcherFixture } from './fixture.ts';

const scope = systemScope('test');

/** Makes no Job, but does what a test says when it should. */
function brokenJobs(create: (spec: JobSpec) => Promise<never>): JobDispatcher {
  return {
    kind: 'local',
    ping: async () => undefined,
    create,
    find: async () => new Map(),
    list: async function* () {},
    watch: async () => ({ silentMs: 0, stop: async () => undefined }),
    logs: async () => '',
    cancel: async () => undefined,
    retire: async () => undefined,
    delete: async () => undefined,
    removeOrphans: async () => 0,
  };
}

test('a queued scan gets its Job, and the scan knows its name', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  const app = await fixture.dispatcher(t, fixture.environment('sleep 600'));
  const { id } = await fixture.queuedScan();
  t.is(await fixture.dispatched(id), `scan-${id}-1`);
  t.like(await fixture.scan(id), { status: 'queued', attempt: 1, jobName: `scan-${id}-1` });
  const metrics = await (await fetch(`http://127.0.0.1:${app.opsPort}/metrics`)).text();
  t.regex(metrics, /cloudscan_dispatches_total\{outcome="dispatched",service="cloudscan-dispatcher"\} 1/);
  t.regex(metrics, /cloudscan_dispatch_latency_seconds_count\{service="cloudscan-dispatcher"\} 1/);
  await app.dispatcher.admitOnce();
  t.regex(
    await (await fetch(`http://127.0.0.1:${app.opsPort}/metrics`)).text(),
    /cloudscan_queue_depth\{.*\} 0\n[^]*cloudscan_scans_queued\{.*\} 1\n/,
  );
});

test('readiness names the platform, and is not lost while only that is away', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  const jobs = { ...brokenJobs(() => Promise.reject(new Error('unused'))), ping: () => Promise.reject(unavailable('the cluster')) };
  const app = await fixture.dispatcher(t, fixture.environment('exit 0'), { jobs });
  const response = await fetch(`http://127.0.0.1:${app.opsPort}/ready`);
  t.is(response.status, 200);
  t.like(await response.json(), { status: 'ready', dependencies: { postgresql: { state: 'up' }, local: { state: 'down' } } });
});

test('a scan that is cancelled loses its Job, and nothing of it runs', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  await fixture.dispatcher(t, fixture.environment('sleep 600'));
  const { id } = await fixture.queuedScan();
  const jobName = await fixture.dispatched(id);
  await fixture.cancel(id);
  await eventually(async () => (await fixture.jobs.find(scope, jobName)) === null, { timeoutMs: 20_000 });
  t.is((await fixture.scan(id)).status, 'cancelled');
});

test('a message that can never be handled ends its scan with the reason, rests in the dead letters and holds up nobody', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  await fixture.database.query("UPDATE pgboss.queue SET retry_limit = 1, retry_delay = 0, retry_backoff = false WHERE name = 'dispatch'");
  let tries = 0;
  let poison = '';
  const jobs: JobDispatcher = {
    ...brokenJobs(() => Promise.reject(new Error('unused'))),
    create: async ({ scanId, attempt }) => {
      if (scanId !== poison) return { jobName: `scan-${scanId}-${attempt}`, namespace: 'local' };
      tries += 1;
      throw new TypeError('undefined is not a function');
    },
  };
  poison = (await fixture.queuedScan()).id;
  const others = [await fixture.queuedScan(), await fixture.queuedScan(), await fixture.queuedScan()];
  await fixture.dispatcher(t, fixture.environment('exit 0', { JOB_BACKOFF_LIMIT: '0', DISPATCHER_CONCURRENCY: '1' }), { jobs });
  for (const { id } of others)
    await eventually(async () => (await fixture.scan(id)).jobName !== null, { timeoutMs: 20_000, what: 'a Job' });
  await eventually(async () => (await fixture.scan(poison)).status === 'failed', { timeoutMs: 20_000, what: 'the end of the scan' });
  t.is(tries, 2);
  t.like(await fixture.scan(poison), {
    failureReason: 'internal',
    failureEvidence: { condition: 'DispatchFailed', logTail: 'TypeError' },
    errorMessage: 'the runner could not be started',
  });
  const dead = await eventually(async () => {
    const rows = await fixture.database.query<{ scan: string }>(
      "SELECT data->>'scanId' AS scan FROM pgboss.job WHERE name = 'dispatch-dead-letters'",
    );
    return rows.length > 0 && rows;
  });
  t.deepEqual(dead, [{ scan: poison }]);
});

test('what a later try may mend is tried again, and the scan goes on', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  await fixture.database.query("UPDATE pgboss.queue SET retry_delay = 0, retry_backoff = false WHERE name = 'dispatch'");
  let tries = 0;
  const jobs = brokenJobs(async () => {
    tries += 1;
    throw new DomainError('unavailable', 'the cluster is not available');
  });
  await fixture.dispatcher(t, fixture.environment('exit 0'), { jobs });
  const { id } = await fixture.queuedScan();
  await eventually(() => tries >= 3, { timeoutMs: 20_000 });
  t.like(await fixture.scan(id), { status: 'queued', attempt: 1, failureReason: null });
});

test('a scan that was cancelled while its Job was made keeps none', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  const deleted: string[] = [];
  const jobs: JobDispatcher = {
    ...brokenJobs(() => Promise.reject(new Error('unused'))),
    create: async ({ scanId, attempt }) => {
      await fixture.cancel(scanId);
      return { jobName: `scan-${scanId}-${attempt}`, namespace: 'local' };
    },
    delete: async (jobName) => void deleted.push(jobName),
  };
  await fixture.dispatcher(t, fixture.environment('exit 0'), { jobs });
  const { id } = await fixture.queuedScan();
  await eventually(() => deleted.includes(`scan-${id}-1`), { timeoutMs: 20_000 });
  t.pass();
});

test('stops that do not end hold up no dispatch', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  const stopping = new Set<string>();
  const release = Promise.withResolvers<void>();
  const jobs: JobDispatcher = {
    ...brokenJobs(() => Promise.reject(new Error('unused'))),
    create: async ({ scanId, attempt }) => ({ jobName: `scan-${scanId}-${attempt}`, namespace: 'local' }),
    delete: async (jobName) => {
      stopping.add(jobName);
      await release.promise;
    },
  };
  for (let count = 0; count < 6; count += 1) await fixture.cancel((await fixture.queuedScan()).id);
  await fixture.dispatcher(t, fixture.environment('exit 0', { DISPATCHER_CONCURRENCY: '2' }), { jobs });
  await eventually(() => stopping.size === 2);
  const { id } = await fixture.queuedScan();
  await eventually(async () => (await fixture.scan(id)).jobName !== null);
  t.is(stopping.size, 2);
  release.resolve();
  await eventually(() => stopping.size === 6);
});

test('starting and stopping again and again leaves nothing open', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  for (let round = 0; round < 3; round += 1) {
    const apps = await Promise.all([1, 2].map(() => fixture.dispatcher(t, fixture.environment('exit 0'))));
    await Promise.all(apps.flatMap((app) => [app.stop(), app.stop()]));
  }
  t.pass();
});
