import { randomUUID } from 'node:crypto';
import test from 'ava';
import { ObjectStoreError } from './errors.ts';
import { keyOfObjectName, objectNameOf } from './object-name.ts';
import { stagingNameOf, stagingPrefix } from './staging-name.ts';

const uploadId = randomUUID();

test('an upload lies where no key has its object', (t) => {
  const name = stagingNameOf('key', uploadId);
  t.true(name.startsWith(stagingPrefix));
  t.is(keyOfObjectName(name), null);
  t.not(objectNameOf(name), name);
});

test('an upload id opens the upload of its own key only', (t) => {
  t.not(stagingNameOf('key', uploadId), stagingNameOf('other', uploadId));
  t.not(stagingNameOf('key', uploadId), stagingNameOf('key', randomUUID()));
});

test('a key makes a name of safe characters, whatever it holds', (t) => {
  t.regex(stagingNameOf('../ü?#\n', uploadId), /^\.uploads\/[0-9a-f]{64}\/[0-9a-f-]{36}$/);
});

test('what was never an upload id names no upload', (t) => {
  for (const id of ['', '../../objects', `${uploadId}/part`]) {
    t.is(t.throws(() => stagingNameOf('key', id), { instanceOf: ObjectStoreError })?.code, 'upload_not_found', id);
  }
});
