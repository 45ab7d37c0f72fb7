import { Secret } from '@cloudscan/config';
import test from 'ava';
import { ObjectStoreError } from '../errors.ts';
import { UrlSigner } from './signed-url.ts';
import type { Grant } from './signed-url.ts';

const expected = { sizeBytes: 10, maxBytes: 100, sha256: 'a'.repeat(64) };
const grants: readonly Grant[] = [
  { kind: 'put', key: 'a/ü?#/../b', expected },
  { kind: 'put', key: 'k', expected: { sizeBytes: null, maxBytes: 100, sha256: null } },
  { kind: 'put', key: 'k', expected: { sizeBytes: 0, maxBytes: 100, sha256: null } },
  { kind: 'part', key: 'k', uploadId: 'u', partNumber: 10_000, maxBytes: 100 },
  { kind: 'get', key: 'k', filename: 'a&b=c ü.zip', contentType: 'application/zip; a="b&c"' },
];
const now = new Date('2026-01-01T00:00:00Z');
const later = new Date(now.getTime() + 1000);
const signer = new UrlSigner(new Secret('one key'), () => 'http://host:1');

function targetOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function methodOf({ kind }: Grant): string {
  return kind === 'get' ? 'GET' : 'PUT';
}

function codeOf(check: () => unknown): string {
  try {
    check();
    return 'accepted';
  } catch (error) {
    return error instanceof ObjectStoreError ? error.code : 'another error';
  }
}

for (const [index, grant] of grants.entries()) {
  test(`grant ${index} comes back as it was signed, until it ends`, (t) => {
    const target = targetOf(signer.sign(grant, later));
    t.deepEqual(signer.verify(methodOf(grant), target, now), grant);
    t.is(
      codeOf(() => signer.verify(methodOf(grant), target, later)),
      'expired_url',
    );
  });
}

test('a GET URL serves HEAD too', (t) => {
  const grant: Grant = { kind: 'get', key: 'k', filename: '', contentType: 'a/b' };
  t.deepEqual(signer.verify('HEAD', targetOf(signer.sign(grant, later)), now), grant);
});

test('another key makes another signature', (t) => {
  const other = new UrlSigner(new Secret('another key'), () => 'http://host:1');
  t.is(
    codeOf(() => other.verify('PUT', targetOf(signer.sign(grants[0]!, later)), now)),
    'bad_signature',
  );
});

test('a field that moves into another field, or comes twice, is refused', (t) => {
  const target = targetOf(signer.sign(grants[0]!, later));
  for (const changed of [
    target.replace('&size=', '&part='),
    target.replace('size=10', 'size=1&max=0'),
    `${target}&size=10`,
    `${target}&upload=x`,
    target.replace(/signature=[^&]+/, 'signature='),
    target.replace(/&signature=[^&]+/, ''),
  ]) {
    t.is(
      codeOf(() => signer.verify('PUT', changed, now)),
      'bad_signature',
      changed,
    );
  }
});

test('an address outside of the store is not found', (t) => {
  for (const target of ['', '/', '/object/x', '*', '/objects'])
    t.is(
      codeOf(() => signer.verify('GET', target, now)),
      'not_found',
      target,
    );
});
