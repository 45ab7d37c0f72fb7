import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { on } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Lease, lockIds } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { eventually, testDatabase, testDatabaseServer } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';

function lease(config: ConstructorParameters<typeof Lease>[0]): Lease {
  return new Lease(config, { applicationName: 'lease-test', lockId: lockIds.sweeper });
}

test('one of two holds the lease, and the other one follows when it lets go', async (t) => {
  const { config } = await testDatabase(t);
  await using first = lease(config);
  await using second = lease(config);
  t.true(await first.hold());
  t.false(await second.hold());
  t.true(await first.hold());
  await first.stop();
  t.false(first.isHeld);
  t.true(await second.hold());
  t.false(await first.hold());
});

test('a holder whose connection is cut knows it, and whoever asks first holds the lease', async (t) => {
  const { config, cutConnections } = await testDatabase(t);
  await using first = lease(config);
  await using second = lease(config);
  t.true(await first.hold());
  await cutConnections();
  await eventually(() => !first.isHeld);
  t.true(await second.hold());
  t.false(await first.hold());
});

test('holding throws while the server is away and works again once it is back', async (t) => {
  const server = await testDatabaseServer(t);
  await using held = lease(server.config);
  t.true(await held.hold());
  await server.stopServer();
  await t.throwsAsync(held.hold(), { code: 'unavailable' });
  t.false(held.isHeld);
  await server.startServer();
  t.true(await held.hold());
});

test('letting go twice, or of what was never held, does nothing', async (t) => {
  const { config } = await testDatabase(t);
  const idle = lease(config);
  await idle.stop();
  t.true(await idle.hold());
  await Promise.all([idle.stop(), idle.stop()]);
  t.false(idle.isHeld);
});

const expiresMs = 2000;

function expiringLease(config: DatabaseConfig): Lease {
  return new Lease(config, { applicationName: 'lease-test', lockId: lockIds.sweeper, expiresMs });
}

interface Holder {
  readonly child: ChildProcess;
  /** What it says next: `held` or `lost`. */
  says(): Promise<string>;
}

function startHolder(t: Teardown, config: DatabaseConfig): Holder {
  const main = fileURLToPath(new URL('lease-holder.ts', import.meta.url));
  const settings = JSON.stringify({ ...config, password: config.password.reveal(), expiresMs });
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main, settings], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => void child.kill('SIGKILL'));
  const lines = on(createInterface(child.stdout), 'line');
  return { child, says: async () => ((await lines.next()).value as [string])[0] };
}

test('a holder that is frozen is followed once its time is over, and knows it when it wakes up', async (t) => {
  const { config } = await testDatabase(t);
  const holder = startHolder(t, config);
  t.is(await holder.says(), 'held');
  holder.child.kill('SIGSTOP');
  await using successor = expiringLease(config);
  await eventually(() => successor.hold(), { intervalMs: expiresMs / 4, what: 'the successor' });
  holder.child.kill('SIGCONT');
  t.is(await holder.says(), 'lost');
  t.true(await successor.hold());
  await successor.stop();
  t.is(await holder.says(), 'held', 'it stands by and takes the lease when that is free again');
});

test('a holder that is killed is followed at once', async (t) => {
  const { config } = await testDatabase(t);
  const holder = startHolder(t, config);
  t.is(await holder.says(), 'held');
  await using successor = expiringLease(config);
  t.false(await successor.hold());
  holder.child.kill('SIGKILL');
  await eventually(() => successor.hold());
});

test('a holder that does not ask counts on the lease for less time than the server gives it', async (t) => {
  const { config } = await testDatabase(t);
  await using idle = expiringLease(config);
  await using successor = expiringLease(config);
  t.true(await idle.hold());
  await eventually(async () => {
    const wasHeld = idle.isHeld;
    const follows = await successor.hold();
    t.false(wasHeld && follows);
    return follows;
  });
  t.false(idle.isHeld);
});
