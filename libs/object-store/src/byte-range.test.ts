import test from 'ava';
import { parseByteRange } from './byte-range.ts';

test('reads a range within the object', (t) => {
  t.deepEqual(parseByteRange('bytes=0-0', 10), { start: 0, end: 0 });
  t.deepEqual(parseByteRange('bytes=3-', 10), { start: 3, end: 9 });
  t.deepEqual(parseByteRange('bytes=-4', 10), { start: 6, end: 9 });
});

test('cuts a range that goes past the end', (t) => {
  t.deepEqual(parseByteRange('bytes=5-100', 10), { start: 5, end: 9 });
  t.deepEqual(parseByteRange('bytes=-100', 10), { start: 0, end: 9 });
});

test('a range outside of the object is unsatisfiable', (t) => {
  for (const header of ['bytes=10-', 'bytes=10-20', 'bytes=-0']) t.is(parseByteRange(header, 10), 'unsatisfiable', header);
  for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) t.is(parseByteRange(header, 0), 'unsatisfiable', `${header} of nothing`);
});

test('ignores several ranges, other units and malformed headers', (t) => {
  for (const header of [undefined, '', 'bytes=-', 'bytes=a-b', 'bytes=1-2,4-5', 'items=0-1', 'bytes=5-3', 'bytes 0-1']) {
    t.is(parseByteRange(header, 10), null, String(header));
  }
});
