import test from 'ava';
import { isPortFree } from '@cloudscan/process';
import { startRedis } from '../src/redis.ts';
import { requires } from '../src/requires.ts';
import { testFile } from '../src/test-file.ts';

testFile(test);

requires(test, 'redis')('starts a Redis that a test can take away and bring back on the same port', async (t) => {
  const redis = await startRedis(t);
  t.false(await isPortFree(redis.port));
  await redis.stop();
  await redis.stop();
  t.true(await isPortFree(redis.port));
  await redis.start();
  t.false(await isPortFree(redis.port));
});
