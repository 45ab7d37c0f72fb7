import test from 'ava';
import { validityUntil } from './validity.ts';

const now = new Date('2026-01-02T03:04:05.678Z');

test('counts whole seconds from the second that has begun', (t) => {
  const { signedAt, expiresIn } = validityUntil(new Date('2026-01-02T03:05:05.999Z'), now);
  t.deepEqual([signedAt.toISOString(), expiresIn], ['2026-01-02T03:04:05.000Z', 60]);
});

test('ends after seven days at the latest', (t) => {
  t.is(validityUntil(new Date('2027-01-01T00:00:00Z'), now).expiresIn, 604_800);
});

test('what has ended is signed in the past', (t) => {
  for (const wanted of [now, new Date(now.getTime() - 5000)]) {
    const { signedAt, expiresIn } = validityUntil(wanted, now);
    t.true(signedAt.getTime() + expiresIn * 1000 <= wanted.getTime());
  }
});
