import test from 'ava';
import { decodePageToken, encodePageToken, maxExactTotal, toPage } from './page.ts';

const key = ['scans', 'organization', null];

test('a token gives its cursor back to the same query', (t) => {
  t.deepEqual(decodePageToken(key, encodePageToken(key, ['a "quoted" name', ''])), ['a "quoted" name', '']);
  t.is(decodePageToken(key, null), null);
});

test('a token is refused by another query, however its parts are cut', (t) => {
  const token = encodePageToken(['a', 'b'], ['x']);
  for (const other of [['a', 'c'], ['a'], ['ab'], ['a', 'b', null], ['b', 'a']])
    t.throws(() => decodePageToken(other, token), { message: /page_token/ });
});

test('a token is refused when any of its characters was changed, cut off or added', (t) => {
  const token = encodePageToken(key, ['x']);
  for (let index = 0; index < token.length; index += 1) {
    const altered = `${token.slice(0, index)}${token[index] === 'Q' ? 'R' : 'Q'}${token.slice(index + 1)}`;
    t.throws(() => decodePageToken(key, altered), { message: /page_token/ }, altered);
    t.throws(() => decodePageToken(key, token.slice(0, index)), { message: /page_token/ });
  }
  t.throws(() => decodePageToken(key, `${token}A`), { message: /page_token/ });
});

test('a page ends where the rows end, and a total above the bound is the bound', (t) => {
  const page = (rows: readonly string[], total: number) =>
    toPage(
      rows,
      2,
      total,
      key,
      (row) => row,
      (row) => [row],
    );
  t.deepEqual(page(['a', 'b'], 2), { items: ['a', 'b'], nextPageToken: null, totalCount: 2, totalCountExact: true });
  t.deepEqual(page([], 0), { items: [], nextPageToken: null, totalCount: 0, totalCountExact: true });
  const full = page(['a', 'b', 'c'], maxExactTotal + 1);
  t.like(full, { items: ['a', 'b'], totalCount: maxExactTotal, totalCountExact: false });
  t.deepEqual(decodePageToken(key, full.nextPageToken), ['b']);
});
