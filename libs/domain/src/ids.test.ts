import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { isUuid, uuidV7, uuidV7Maker, uuidV7Time } from './ids.ts';

test('a UUIDv7 keeps its millisecond, whatever the random bytes', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.uint8Array({ minLength: 10, maxLength: 16 }), (unixMs, random) => {
      const id = uuidV7(unixMs, random);
      return isUuid(id) && id[14] === '7' && uuidV7Time(id)?.getTime() === unixMs;
    }),
  );
  t.pass();
});

test('ids of later milliseconds sort later', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 47 }),
      fc.integer({ min: 1, max: 2 ** 40 }),
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      (ms, gap, random) => {
        return uuidV7(ms, random.subarray(0, 10)) < uuidV7(ms + gap, random.subarray(10));
      },
    ),
  );
  t.pass();
});

test('has no time for an id of another version or form', (t) => {
  for (const id of [
    '',
    'x',
    '9b2d6c3e-1f0a-4c55-8f0e-1a2b3c4d5e6f',
    '0190B2C4-7D3E-7C7B-9C55-3F1F8A4F2D11',
    '0190b2c4-7d3e-7c7b-1c55-3f1f8a4f2d11',
  ]) {
    t.is(uuidV7Time(id), null, id);
  }
});

test('refuses too few random bytes', (t) => {
  t.throws(() => uuidV7(0, new Uint8Array(9)), { instanceOf: RangeError });
});

test('a maker gives no two ids of a moment alike and draws its random bytes for many at a time', (t) => {
  let draws = 0;
  const make = uuidV7Maker((size) => {
    draws += 1;
    return randomBytes(size);
  });
  const at = new Date('2026-03-01T00:00:00.123Z');
  const ids = Array.from({ length: 1000 }, () => make(at));
  t.true(ids.every((id) => uuidV7Time(id)!.getTime() === at.getTime()));
  t.is(new Set(ids).size, 1000);
  t.is(draws, 3);
});
