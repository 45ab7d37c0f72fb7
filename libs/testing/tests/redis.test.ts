import test from 'ava';
import { isPortFree } from '@cloudscan/process';
import { requires, startRedis, testFile } from '@cloudscan/testing';

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
