import test from 'ava';
import { keyOfObjectName, objectNameOf } from './object-name.ts';

const safe = ['a', 'a/b', 'organizations/0198-ab/artifacts/x_1.zip', 'encodedx/a', 'x'.repeat(200)];
const hostile = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  'a/../b',
  'a/./b',
  '.hidden',
  'a b',
  'ü ✓',
  'a\\b',
  'a?b#c%2F&=+',
  'encoded/a',
  'x'.repeat(201),
];

test('a safe key stands as it is', (t) => {
  for (const key of safe) t.is(objectNameOf(key), key);
});

test('any other key is encoded in segments that every store takes', (t) => {
  for (const key of hostile) t.regex(objectNameOf(key), /^encoded\/(?:[\w-]{1,200}(?:\/[\w-]{1,200})*)?$/, key);
});

test('every name leads back to its key, and no two keys share one', (t) => {
  const keys = [...safe, ...hostile, 'y'.repeat(600)];
  for (const key of keys) t.is(keyOfObjectName(objectNameOf(key)), key);
  t.is(new Set(keys.map(objectNameOf)).size, keys.length);
});

test('a name that is of no key is known as such', (t) => {
  for (const name of ['encoded/YQ', 'encoded/a b', 'a b', '../a', 'encoded/Lw/Lw']) t.is(keyOfObjectName(name), null, name);
});
