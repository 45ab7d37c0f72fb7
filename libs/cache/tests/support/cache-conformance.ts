import type { CacheService } from '@cloudscan/orchestration';
import { eventually } from '@cloudscan/testing';
import type { TestFn } from 'ava';

/** Milliseconds: longer than any test takes, and short enough to see a value die. */
const longMs = 60_000;
const shortMs = 400;

/** What every cache must do. `open` answers a cache whose values live for so many milliseconds. */
export function conforms(test: TestFn, name: string, open: (lifeMs: number) => CacheService): void {
  const never = new AbortController().signal;
  let keys = 0;
  const newKey = (): string => `${name}-${(keys += 1)}`;

  async function keep(cache: CacheService, key: string, value: string, version = 1): Promise<void> {
    const { at } = await cache.get(key);
    await cache.set(key, value, { version, lookedUpAt: at });
  }

  test(`${name}: finds nothing under a key that was never set`, async (t) => {
    const lookup = await open(longMs).get(newKey());
    t.is(lookup.value, null);
    t.true(lookup.at >= 0);
  });

  test(`${name}: answers what was set`, async (t) => {
    const cache = open(longMs);
    const key = newKey();
    await keep(cache, key, '{"a":"ä\\u0000"}');
    t.is((await cache.get(key)).value, '{"a":"ä\\u0000"}');
  });

  test(`${name}: keeps the higher version, whichever comes last`, async (t) => {
    const cache = open(longMs);
    const key = newKey();
    await keep(cache, key, 'second', 2);
    await keep(cache, key, 'first', 1);
    t.is((await cache.get(key)).value, 'second');
    await keep(cache, key, 'third', 3);
    t.is((await cache.get(key)).value, 'third');
  });

  test(`${name}: lets a value die one life after its look-up`, async (t) => {
    const cache = open(shortMs);
    const key = newKey();
    const startedAt = performance.now();
    await keep(cache, key, 'mortal');
    await eventually(async () => (await cache.get(key)).value === null, { timeoutMs: shortMs + 2000 });
    // The cache's clock counts whole milliseconds.
    t.true(performance.now() - startedAt >= shortMs - 2);
  });

  test(`${name}: refuses a value whose life is over when it arrives`, async (t) => {
    const cache = open(shortMs);
    const key = newKey();
    const { at } = await cache.get(key);
    await eventually(async () => (await cache.get(newKey())).at > at + shortMs, { timeoutMs: shortMs + 2000 });
    await cache.set(key, 'late', { version: 1, lookedUpAt: at });
    t.is((await cache.get(key)).value, null);
  });

  test(`${name}: refuses a value without a look-up`, async (t) => {
    const cache = open(longMs);
    const key = newKey();
    await cache.set(key, 'blind', { version: 1, lookedUpAt: -1 });
    t.is((await cache.get(key)).value, null);
  });

  test(`${name}: answers nothing that was kept before a delete`, async (t) => {
    const cache = open(shortMs);
    const [first, second, other] = [newKey(), newKey(), newKey()];
    await keep(cache, first, '1');
    await keep(cache, second, '2');
    await cache.delete([first, second], never);
    t.is((await cache.get(first)).value, null);
    t.is((await cache.get(second)).value, null);
    await eventually(async () => {
      await keep(cache, other, '3');
      return (await cache.get(other)).value === '3';
    });
  });

  test(`${name}: answers nothing that was looked up before a delete and set while it ran or after it`, async (t) => {
    const cache = open(shortMs);
    const key = newKey();
    const { at } = await cache.get(key);
    const deleted = cache.delete([key], never);
    await cache.set(key, 'stale', { version: 9, lookedUpAt: at });
    await deleted;
    t.is((await cache.get(key)).value, null);
    await cache.set(key, 'stale', { version: 9, lookedUpAt: at });
    t.is((await cache.get(key)).value, null);
  });

  test(`${name}: stops waiting for a delete when its caller goes`, async (t) => {
    const gone = new Error('the caller has gone');
    await t.throwsAsync(open(shortMs).delete([newKey()], AbortSignal.abort(gone)), { is: gone });
  });

  test(`${name}: answers a ping`, async (t) => {
    await t.notThrowsAsync(open(longMs).ping(never));
  });
}
