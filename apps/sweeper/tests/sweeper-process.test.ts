import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { lockIds } from '@cloudscan/database';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import { loadConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';
import { limits, memoryStorage, SweeperFixture } from './fixture.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** A process of this project starts within seconds even where many tests share the machine. */
const slowly = { timeoutMs: 30_000 };

function startProcess(t: Teardown, environment: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  return child;
}

async function leaseHolders(fixture: SweeperFixture): Promise<readonly number[]> {
  const rows = await fixture.database.query<{ pid: number }>(
    `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${lockIds.sweeper} AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return rows.map(({ pid }) => pid);
}

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  test(`a sweeper that is ${signal === 'SIGKILL' ? 'killed' : 'frozen'} is followed by the one that stands by`, async (t) => {
    const fixture = await SweeperFixture.create(t);
    const environment = fixture.environment({ SWEEP_INTERVAL_SECONDS: '1', SWEEP_END_GRACE_SECONDS: '1' });
    const first = startProcess(t, environment);
    const [holder] = await eventually(
      async () => ((holders) => (holders.length > 0 ? holders : null))(await leaseHolders(fixture)),
      slowly,
    );
    startProcess(t, environment);
    const scan = await fixture.scan();
    first.kill(signal);
    await fixture.start(scan, 'exit 3');
    await eventually(async () => (await leaseHolders(fixture)).some((pid) => pid !== holder), { ...slowly, what: 'the successor' });
    await eventually(async () => (await fixture.find(scan.id)).status === 'failed', { ...slowly, what: 'the end of the scan' });
    await eventually(async () => (await fixture.folders()).length === 0, slowly);
    if (signal === 'SIGKILL') return t.pass();
    const successors = await leaseHolders(fixture);
    first.kill('SIGCONT');
    const other = await fixture.scan();
    await fixture.start(other, 'exit 3');
    await eventually(async () => (await fixture.find(other.id)).status === 'failed', slowly);
    t.deepEqual(await leaseHolders(fixture), successors, 'the one that woke up stands by');
  });
}

test('sweepers that lose their database find it again, and one of them leads', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const environment = fixture.environment({ SWEEP_END_GRACE_SECONDS: '1' });
  for (let count = 0; count < 2; count += 1) startProcess(t, environment);
  const [holder] = await eventually(async () => ((holders) => (holders.length > 0 ? holders : null))(await leaseHolders(fixture)), slowly);
  await fixture.database.cutConnections();
  // The connections of this process were cut as well.
  const scan = await eventually(() => fixture.scan(), slowly);
  await fixture.start(scan, 'exit 3');
  await eventually(async () => (await fixture.find(scan.id)).status === 'failed', { ...slowly, what: 'the end of the scan' });
  const holders = await leaseHolders(fixture);
  t.is(holders.length, 1);
  t.not(holders[0], holder);
});

test('a sweeper that is told to stop ends well and lets go', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const child = startProcess(t, fixture.environment());
  await eventually(async () => (await leaseHolders(fixture)).length === 1, slowly);
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [0, null]);
  t.deepEqual(await leaseHolders(fixture), []);
});

test('a wrong configuration is named and ends the process with 2', async (t) => {
  const child = startProcess(t, { PENDING_SCAN_TTL_HOURS: 'soon', SWEEP_INTERVAL_SECONDS: '0' });
  let output = '';
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  t.deepEqual(await once(child, 'close'), [2, null]);
  t.regex(output, /PENDING_SCAN_TTL_HOURS is "soon"; set it to a whole number from 1 to 8760/);
  t.regex(output, /SWEEP_INTERVAL_SECONDS is "0"/);
});

test('the artifacts of a deleted scan are deleted, also when storage was down at first', async (t) => {
  const fixture = await SweeperFixture.create(t);
  await fixture.database.query("UPDATE pgboss.queue SET retry_delay = 1, retry_backoff = false WHERE name = 'delete-artifacts'");
  const storage = memoryStorage();
  storage.down = true;
  const app = await createApp(loadConfig(fixture.environment()), { storage: storage.storage, log: silentLogger });
  t.teardown(() => app.stop());
  await app.start();
  const { id: scanId } = await fixture.scan();
  await fixture.repositories.scans.delete(fixture.scope, { scanId, actor: 'test', limits, at: new Date() });
  await eventually(
    async () => (await fixture.database.query("SELECT FROM pgboss.job WHERE name = 'delete-artifacts' AND state = 'retry'")).length === 1,
    {
      ...slowly,
      what: 'the first try',
    },
  );
  storage.down = false;
  await eventually(() => storage.deleted.includes(scanId), { ...slowly, what: 'the deletion' });
  const { status } = await fetch(`http://127.0.0.1:${app.opsPort}/ready`);
  t.is(status, 200);
});

test('starting and stopping again and again leaves nothing open', async (t) => {
  const fixture = await SweeperFixture.create(t);
  for (let round = 0; round < 3; round += 1) {
    const apps = await Promise.all(
      [1, 2].map(() => createApp(loadConfig(fixture.environment()), { storage: memoryStorage().storage, log: silentLogger })),
    );
    for (const app of apps) await app.start();
    await Promise.all(apps.flatMap((app) => [app.stop(), app.stop()]));
  }
  t.deepEqual(await leaseHolders(fixture), []);
});
