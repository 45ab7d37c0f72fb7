import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import test from 'ava';
import { GcsRefusal } from './gcs-refusal.ts';
import { requireSignature } from './gcs-signature.ts';
import type { ReceivedRequest } from './gcs-signature.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const account = { clientEmail: 'tests@project.iam.gserviceaccount.com', publicKey };
const now = new Date('2026-01-02T03:04:30Z');

const query = [
  'X-Goog-Algorithm=GOOG4-RSA-SHA256',
  'X-Goog-Credential=tests%40project.iam.gserviceaccount.com%2F20260102%2Fauto%2Fstorage%2Fgoog4_request',
  'X-Goog-Date=20260102T030405Z',
  'X-Goog-Expires=60',
  'X-Goog-SignedHeaders=host%3Bx-goog-if-generation-match',
].join('&');
const canonicalRequest = [
  'PUT',
  '/bucket/a/b',
  query,
  'host:127.0.0.1:4443',
  'x-goog-if-generation-match:0',
  '',
  'host;x-goog-if-generation-match',
  'UNSIGNED-PAYLOAD',
].join('\n');
const textToSign = [
  'GOOG4-RSA-SHA256',
  '20260102T030405Z',
  '20260102/auto/storage/goog4_request',
  createHash('sha256').update(canonicalRequest).digest('hex'),
].join('\n');
const signature = sign('RSA-SHA256', Buffer.from(textToSign), privateKey).toString('hex');

const signed: ReceivedRequest = {
  method: 'PUT',
  target: `/bucket/a/b?${query}&X-Goog-Signature=${signature}`,
  headers: { host: '127.0.0.1:4443', 'x-goog-if-generation-match': '0', 'content-length': '4' },
};

/** The code of the refusal; null when there is none. */
function refusalOf(changes: Partial<ReceivedRequest>, at = now): string | null {
  try {
    requireSignature({ ...signed, ...changes }, account, at);
    return null;
  } catch (error) {
    return error instanceof GcsRefusal ? `${error.status} ${error.code}` : String(error);
  }
}

test('takes the request that was signed, in any order of parameters', (t) => {
  t.is(refusalOf({}), null);
  t.is(refusalOf({ target: `/bucket/a/b?X-Goog-Signature=${signature}&${query.split('&').toReversed().join('&')}` }), null);
});

test('refuses another method, path, host or parameter', (t) => {
  const refused = '403 SignatureDoesNotMatch';
  t.is(refusalOf({ method: 'GET' }), refused);
  t.is(refusalOf({ target: signed.target.replace('/a/b', '/a/c') }), refused);
  t.is(refusalOf({ target: signed.target.replace('Expires=60', 'Expires=61') }), refused);
  t.is(refusalOf({ target: `${signed.target}&response-content-type=text%2Fhtml` }), refused);
  t.is(refusalOf({ headers: { ...signed.headers, host: 'elsewhere' } }), refused);
  t.is(refusalOf({ headers: { ...signed.headers, 'x-goog-if-generation-match': '1' } }), refused);
  t.is(refusalOf({ target: signed.target.replace(/..$/, signature.endsWith('00') ? '01' : '00') }), refused);
});

test('wants every signed header, and every header of Google signed', (t) => {
  const refused = '400 MalformedSecurityHeader';
  t.is(refusalOf({ headers: { host: '127.0.0.1:4443' } }), refused);
  t.is(refusalOf({ headers: { ...signed.headers, 'x-goog-meta-a': 'b' } }), refused);
});

test('a URL serves from its date to its end', (t) => {
  t.is(refusalOf({}, new Date('2026-01-02T03:05:04Z')), null);
  t.is(refusalOf({}, new Date('2026-01-02T03:05:05Z')), '400 ExpiredToken');
  t.is(refusalOf({}, new Date('2026-01-02T02:48:00Z')), '403 RequestTimeTooSkewed');
});

test('refuses a request that is not signed at all, or by somebody unknown', (t) => {
  t.is(refusalOf({ target: '/bucket/a/b' }), '400 AuthorizationQueryParametersError');
  t.is(refusalOf({ target: signed.target.replace('tests%40', 'other%40') }), '400 AuthorizationQueryParametersError');
});
