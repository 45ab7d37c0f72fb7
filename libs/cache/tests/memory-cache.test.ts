import test from 'ava';
import { LruMap } from '../src/lru-map.ts';
import { MemoryCache } from '../src/memory-cache.ts';
import { conforms } from './support/cache-conformance.ts';

conforms(test, 'memory', (lifeMs) => new MemoryCache({ lifeMs }));

test('forgets what was used longest ago when it is full', async (t) => {
  const cache = new MemoryCache({ lifeMs: 60_000, capacity: 2 });
  for (const key of ['a', 'b']) await cache.set(key, key, { version: 1, lookedUpAt: performance.now() });
  await cache.get('a');
  await cache.set('c', 'c', { version: 1, lookedUpAt: performance.now() });
  const values = await Promise.all(['a', 'b', 'c'].map(async (key) => (await cache.get(key)).value));
  t.deepEqual(values, ['a', null, 'c']);
});

test('a map of two entries never holds three', (t) => {
  const map = new LruMap<string, number>(2);
  for (const [index, key] of ['a', 'b', 'a', 'c', 'd'].entries()) map.set(key, index);
  t.is(map.size, 2);
  t.is(map.get('a'), undefined);
  t.is(map.get('d'), 4);
});
