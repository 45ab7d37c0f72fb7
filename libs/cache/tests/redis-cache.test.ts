import { Secret } from '@cloudscan/config';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually, requires, startRedis, testFile } from '@cloudscan/testing';
import type { TestRedis } from '@cloudscan/testing';
import test from 'ava';
import type { Redis } from 'ioredis';
import { RedisCache } from '../src/redis-cache.ts';
import { connectRedis, createRedis } from '../src/redis-connection.ts';
import { conforms } from './support/cache-conformance.ts';
import { freezer } from './support/frozen-redis.ts';

const redisTest = requires(test, 'redis');
const file = testFile(test);
const never = new AbortController().signal;
const lifeMs = 600;
let server: TestRedis;
let connection: Redis;

/** @param patienceMs milliseconds until a command counts as failed; many, unless that is what is tested, since test machines are busy */
function connect({ host, port }: TestRedis, patienceMs = 10_000): Redis {
  const redis = createRedis({ host, port, password: new Secret(''), db: 0, tls: false }, 'test', silentLogger, patienceMs);
  file.teardown(() => redis.disconnect());
  return redis;
}

async function keep(cache: RedisCache, key: string, value: string): Promise<void> {
  await cache.set(key, value, { version: 1, lookedUpAt: (await cache.get(key)).at });
}

test.before(async () => {
  if (redisTest !== test) return;
  server = await startRedis(file);
  connection = connect(server);
  await connectRedis(connection);
});

conforms(redisTest, 'redis', (life) => new RedisCache(connection, life));

redisTest('a value is read by every process and a deletion is seen by every process', async (t) => {
  const others = connect(server);
  await connectRedis(others);
  const [mine, theirs] = [new RedisCache(connection, 60_000), new RedisCache(others, 60_000)];
  await keep(mine, 'shared', 'value');
  t.is((await theirs.get('shared')).value, 'value');
  await theirs.delete(['shared'], never);
  t.is((await mine.get('shared')).value, null);
});

redisTest('a deleter that is cut off from Redis waits until no reader can be answered the value', async (t) => {
  const cutOff = connect(server);
  await connectRedis(cutOff);
  cutOff.disconnect();
  const startedAt = performance.now();
  const [reader, deleter] = [new RedisCache(connection, lifeMs), new RedisCache(cutOff, lifeMs)];
  await keep(reader, 'cut-off', 'value');
  t.is((await reader.get('cut-off')).value, 'value');
  await deleter.delete(['cut-off'], never);
  t.true(performance.now() - startedAt >= lifeMs);
  t.is((await reader.get('cut-off')).value, null);
});

redisTest('finds nothing, quickly, while Redis is down, and finds again when it is back, empty', async (t) => {
  const own = await startRedis(t);
  const redis = connect(own);
  await connectRedis(redis);
  const cache = new RedisCache(redis, lifeMs);
  await keep(cache, 'key', 'value');
  await own.stop();
  await eventually(() => redis.status !== 'ready');
  const startedAt = performance.now();
  t.deepEqual(await cache.get('key'), { value: null, at: -1 });
  await cache.set('key', 'value', { version: 1, lookedUpAt: 1 });
  t.true(performance.now() - startedAt < 2000);
  await t.throwsAsync(cache.ping(never), { message: /Redis is not available/ });
  await cache.delete(['key'], never);
  t.true(performance.now() - startedAt >= lifeMs);

  await own.start();
  await eventually(async () => (await cache.get('key')).at >= 0);
  await keep(cache, 'key', 'new');
  t.is((await cache.get('key')).value, 'new');
});

redisTest('a deletion while Redis is frozen holds when it thaws, also against a value that was on its way', async (t) => {
  const own = await startRedis(t);
  const [redis, others] = [connect(own, 250), connect(own, 250)];
  await Promise.all([connectRedis(redis), connectRedis(others)]);
  const [cache, reader] = [new RedisCache(redis, lifeMs), new RedisCache(others, lifeMs)];
  const { freeze, thaw } = await freezer(redis);
  await keep(cache, 'kept', 'value');
  const { at } = await cache.get('on-its-way');

  freeze();
  t.teardown(thaw);
  const startedAt = performance.now();
  await reader.set('on-its-way', 'value', { version: 1, lookedUpAt: at });
  t.deepEqual(await reader.get('kept'), { value: null, at: -1 });
  t.true(performance.now() - startedAt < 2000, 'a frozen Redis costs one time-out, not one each');
  await cache.delete(['kept', 'on-its-way'], never);
  thaw();

  await eventually(async () => (await reader.get('another')).at >= 0);
  t.is((await reader.get('kept')).value, null);
  t.is((await reader.get('on-its-way')).value, null);
});

redisTest('a deletion during a short freeze is done as soon as Redis thaws', async (t) => {
  const own = await startRedis(t);
  const redis = connect(own, 250);
  await connectRedis(redis);
  const cache = new RedisCache(redis, 60_000);
  const { freeze, thaw } = await freezer(redis);
  await keep(cache, 'key', 'value');
  freeze();
  t.teardown(thaw);
  const deleted = cache.delete(['key'], never);
  await eventually(() => redis.status === 'ready');
  thaw();
  await deleted;
  t.is((await cache.get('key')).value, null);
});
