import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { scopeOf, systemScope } from '@cloudscan/auth';
import type { OrganizationScope } from '@cloudscan/auth';
import { orchestratorRoles } from '@cloudscan/database';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories } from '@cloudscan/repositories';
import { silentLogger } from '@cloudscan/telemetry';
import { anOrganization, aProject, eventually, newId, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';
import test from 'ava';
import { loadConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const limits = { maxRunning: 9, maxRunningPerOrganization: 9, maxQueuedPerOrganization: 9, usageHalfLifeMs: 3_600_000 };
const dayMs = 86_400_000;
const signal = new AbortController().signal;

interface Fixture {
  readonly db: TestDatabase;
  readonly environment: Readonly<Record<string, string>>;
  /** Makes a scan of so many days ago; cancelled a minute later, or still queued. */
  scan(daysAgo: number, isActive?: boolean): Promise<string>;
  scans(): Promise<readonly string[]>;
  runs(): Promise<readonly { readonly outcome: string; readonly scans: number }[]>;
}

async function fixture(t: Teardown): Promise<Fixture> {
  const db = await testDatabase(t);
  const queue = new PgBossQueue(db.config, {
    applicationName: 'test-queue',
    role: orchestratorRoles.system,
    mode: 'send',
    logger: silentLogger,
  });
  await queue.start();
  t.teardown(() => queue.stop());
  const { organizations, projects, scans } = createRepositories(db.database, queue);
  const organization = await organizations.create(systemScope('test'), anOrganization());
  const scope: OrganizationScope = scopeOf({ organizationId: organization.id, actor: 'test' });
  const project = (await projects.create(scope, aProject({ organizationId: organization.id })))!;
  const { host, port, user, password, name } = db.config;
  return {
    db,
    environment: {
      ...{ PATH: process.env['PATH'] ?? '', DB_HOST: host, DB_PORT: String(port), DB_NAME: name, DB_SSLMODE: 'disable' },
      ...{ DB_USER: user, DB_PASSWORD: password.reveal(), DB_MIN_CONNS: '0', LOG_LEVEL: 'silent', CLEANER_PAUSE_MS: '0' },
    },
    scan: async (daysAgo, isActive = false) => {
      const at = new Date(Date.now() - daysAgo * dayMs);
      const id = newId(at);
      await scans.create(scope, {
        ...{ id, projectId: project.id, userId: null, actor: 'test', scanTypes: ['sast'], priority: 0, start: isActive },
        ...{ source: { artifactId: newId(), gitUrl: null, gitBranch: null, gitCommit: null }, idempotency: null, limits, at },
      });
      if (!isActive) await scans.cancel(scope, { scanId: id, actor: 'test', limits, at: new Date(at.getTime() + 60_000) });
      return id;
    },
    scans: async () => (await db.query<{ id: string }>('SELECT id FROM scans ORDER BY id')).map(({ id }) => id),
    runs: () => db.query('SELECT outcome, scans FROM cleaner_runs ORDER BY ended_at'),
  };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runProcess(t: Teardown, env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => void child.kill('SIGKILL'));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: code as number | null, stdout, stderr };
}

test('a dry run prints what a run does, and does nothing; a run does it once and leaves its record', async (t) => {
  const { db, environment, scan, scans, runs } = await fixture(t);
  const [old, kept, active] = [await scan(40), await scan(20), await scan(40, true)];
  await db.query(`ALTER TABLE findings DETACH PARTITION findings_${monthsAhead(2)}; DROP TABLE findings_${monthsAhead(2)}`);
  const kept30 = { ...environment, RETENTION_DAYS: '30' };

  const dry = await runProcess(t, kept30, '--dry-run');
  t.like(dry, { code: 0, stdout: `would remove 1 scans with 0 findings\nwould make partition findings_${monthsAhead(2)}\n` });
  t.deepEqual(await scans(), [old, kept, active].toSorted());
  t.deepEqual(await runs(), []);

  t.is((await runProcess(t, kept30)).code, 0);
  t.deepEqual(await scans(), [kept, active].toSorted());
  t.is((await runProcess(t, kept30, '--dry-run')).stdout, 'would remove 0 scans with 0 findings\n');
  t.is((await runProcess(t, kept30)).code, 0);
  t.deepEqual(await runs(), [
    { outcome: 'succeeded', scans: 1 },
    { outcome: 'succeeded', scans: 0 },
  ]);
});

test('what is wrong with the configuration ends it with 2, a database that is away with 1', async (t) => {
  t.like(await runProcess(t, { RETENTION_DAYS: 'x' }), { code: 2 });
  t.like(await runProcess(t, {}, '--dry'), { code: 2 });
  const away = await runProcess(t, { DB_HOST: '127.0.0.1', DB_PORT: '1', LOG_LEVEL: 'silent' });
  t.is(away.code, 1);
  t.regex(away.stderr, /the database/);
});

test('killed in the middle, it has removed whole scans; the next run removes the others', async (t) => {
  const { environment, scan, scans, runs } = await fixture(t);
  for (let day = 0; day < 6; day += 1) await scan(100 + day);
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main], {
    env: { ...environment, CLEANER_BATCH_SIZE: '1', CLEANER_PAUSE_MS: '500' },
    stdio: 'ignore',
  });
  t.teardown(() => void child.kill('SIGKILL'));
  await eventually(async () => (await scans()).length < 6, { timeoutMs: 30_000, what: 'the first removal' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.true((await scans()).length > 0);
  t.deepEqual(await runs(), []);
  t.is((await runProcess(t, environment)).code, 0);
  t.deepEqual(await scans(), []);
});

test('told to stop, it says so in its record and ends with 1', async (t) => {
  const { environment, scan, scans, runs } = await fixture(t);
  await scan(100);
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main], {
    env: { ...environment, CLEANER_BATCH_SIZE: '1', CLEANER_PAUSE_MS: '1000' },
    stdio: 'ignore',
  });
  t.teardown(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  await eventually(async () => (await scans()).length === 0, { timeoutMs: 30_000, what: 'the removal' });
  child.kill('SIGTERM');
  t.deepEqual(await ended, [1, null]);
  t.deepEqual(await runs(), [{ outcome: 'interrupted', scans: 1 }]);
});

test('a run that fails half-way is recorded as failed', async (t) => {
  const { db, environment, scan, scans, runs } = await fixture(t);
  await scan(100);
  await db.query('REVOKE DELETE ON scan_events FROM cloudscan_system');
  await using app = await createApp(loadConfig(environment), { log: silentLogger });
  t.is(await app.run(signal), 1);
  t.is((await scans()).length, 1);
  t.deepEqual(await runs(), [{ outcome: 'failed', scans: 0 }]);
});

/** As partitions are named. */
function monthsAhead(count: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + count)).toISOString().slice(0, 7).replace('-', '_');
}
