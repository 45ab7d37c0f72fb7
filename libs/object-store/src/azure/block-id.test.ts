import test from 'ava';
import { blockIdOf, parseBlockId } from './block-id.ts';

test('an id tells the number of its part and when its URL was signed', (t) => {
  for (const id of [
    { partNumber: 1, signedAt: 0 },
    { partNumber: 10_000, signedAt: Date.now() },
  ]) {
    t.deepEqual(parseBlockId(blockIdOf(id)), id);
  }
});

test('all ids are of one length, as Azure wants them for a blob', (t) => {
  const lengths = [1, 99, 10_000].map((partNumber) => blockIdOf({ partNumber, signedAt: partNumber }).length);
  t.deepEqual(new Set(lengths).size, 1);
});

test('an id that somebody else made tells nothing', (t) => {
  for (const text of ['', '1.2', '00001.00000000000000x', '000001.000000000000001']) {
    t.is(parseBlockId(Buffer.from(text).toString('base64')), null, text);
  }
});
