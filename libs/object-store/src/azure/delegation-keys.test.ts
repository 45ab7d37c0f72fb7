import type { UserDelegationKey } from '@azure/storage-blob';
import test from 'ava';
import { DelegationKeys, maxDelegatedMs } from './delegation-keys.ts';

const hourMs = 3_600_000;

function keyOf(signedStartsOn: Date, signedExpiresOn: Date): UserDelegationKey {
  return { signedStartsOn, signedExpiresOn } as UserDelegationKey;
}

test('callers share a key for an hour, and it outlives every URL', async (t) => {
  let now = 0;
  let asked = 0;
  const keys = new DelegationKeys(
    async (from, until) => {
      asked += 1;
      return keyOf(from, until);
    },
    () => now,
  );
  await Promise.all([keys.current(), keys.current()]);
  now = hourMs - 1;
  const { signedStartsOn, signedExpiresOn } = await keys.current();
  t.is(asked, 1);
  t.true(signedStartsOn.getTime() < 0, 'clocks differ');
  t.true(signedExpiresOn.getTime() >= now + maxDelegatedMs);
  now = hourMs;
  await keys.current();
  t.is(asked, 2);
});

test('an error is not kept', async (t) => {
  let answer = (): Promise<UserDelegationKey> => Promise.reject(new Error('no'));
  const keys = new DelegationKeys(() => answer());
  await t.throwsAsync(keys.current(), { message: 'no' });
  answer = async () => keyOf(new Date(), new Date());
  await t.notThrowsAsync(keys.current());
});
