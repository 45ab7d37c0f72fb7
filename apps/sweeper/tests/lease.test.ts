import test from 'ava';
import { Lease, lockIds } from '@cloudscan/database';
import { eventually, testDatabase, testDatabaseServer } from '@cloudscan/testing';

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
