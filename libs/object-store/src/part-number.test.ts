import test from 'ava';
import { ObjectStoreError } from './errors.ts';
import { inPartOrder } from './part-number.ts';

test('puts parts in the order of their numbers', (t) => {
  const parts = [10, 2, 1].map((partNumber) => ({ partNumber, etag: String(partNumber) }));
  t.deepEqual(
    inPartOrder(parts).map(({ partNumber }) => partNumber),
    [1, 2, 10],
  );
});

test('refuses no parts, and a part that is named twice', (t) => {
  const part = { partNumber: 1, etag: 'a' };
  for (const parts of [[], [part, { partNumber: 2, etag: 'b' }, part]]) {
    t.is(t.throws(() => inPartOrder(parts), { instanceOf: ObjectStoreError })?.code, 'invalid_part');
  }
});
