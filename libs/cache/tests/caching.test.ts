import { Secret } from '@cloudscan/config';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually, newId, requires, startRedis, testDatabase, testFile } from '@cloudscan/testing';
import type { TestDatabase } from '@cloudscan/testing';
import test from 'ava';
import { createCaching } from '../src/caching.ts';
import type { Caching } from '../src/caching.ts';
import type { RedisConfig } from '../src/redis-config.ts';

// The file fails when a connection or a timer is left open.
const file = testFile(test);
let database: TestDatabase;
test.before(async () => {
  database = await testDatabase(file);
});

function open(redis: RedisConfig | null): Caching {
  const { database: pool, config: databaseConfig } = database;
  return createCaching({ redis, database: pool, databaseConfig, applicationName: 'test', log: silentLogger });
}

/** Starts and stops in every order that a process may come to. */
async function comesAndGoes(redis: RedisConfig | null): Promise<void> {
  await open(redis).stop();
  for (let round = 0; round < 10; round += 1) {
    await using caching = open(redis);
    const started = caching.start();
    caching.events.publish({ organizationId: newId(), scanId: newId(), sequence: 1 });
    await started;
    caching.events.publish({ organizationId: newId(), scanId: newId(), sequence: 1 });
    await Promise.all([caching.stop(), caching.stop()]);
  }
}

test('in memory: comes and goes without a trace', async (t) => {
  await t.notThrowsAsync(comesAndGoes(null));
  t.is(open(null).kind, 'memory');
});

requires(test, 'redis')('with Redis: comes and goes without a trace, also where there is no Redis', async (t) => {
  const { host, port, stop } = await startRedis(t);
  const config = { host, port, password: new Secret(''), db: 0, tls: false };
  await t.notThrowsAsync(comesAndGoes(config));
  await stop();
  await t.notThrowsAsync(comesAndGoes(config));
});

requires(test, 'redis')('with Redis: a process that was started without it finds it when it comes', async (t) => {
  const redis = await startRedis(t);
  await redis.stop();
  await using caching = open({ host: redis.host, port: redis.port, password: new Secret(''), db: 0, tls: false });
  await caching.start();
  t.is((await caching.cache.get('key')).at, -1);
  const scanId = newId();
  let signals = 0;
  caching.events.subscribe(scanId, () => (signals += 1));
  await redis.start();
  await eventually(() => signals > 0, { what: 'the word that signals may have been missed' });
  await eventually(async () => (await caching.cache.get('key')).at > 0);
});
