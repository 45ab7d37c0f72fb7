import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { AttestationError } from './attestation-error.ts';
import { openEnvelope, preAuthEncoding, sealEnvelope } from './dsse.ts';
import { formatVerificationKey, parseSigningKey, parseVerificationKeys } from './keys.ts';
import type { SigningKey } from './keys.ts';

const type = 'application/vnd.in-toto+json';
const payload = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}');

function newKey(): SigningKey {
  return parseSigningKey(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
}

/** The key of RFC 8032 section 7.1, test 1, behind the fixed prefix of an Ed25519 key in PKCS #8 (RFC 8410). */
function knownKey(): SigningKey {
  const der = Buffer.from(
    '302e0201003005060' + '32b657004220420' + '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'hex',
  );
  const pem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' });
  return parseSigningKey(pem as string);
}

interface Parts {
  payload: string;
  payloadType: string;
  signatures: { keyid: string; sig: string }[];
}

function parts(envelope: Uint8Array): Parts {
  return JSON.parse(Buffer.from(envelope).toString()) as Parts;
}

function pack(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

test('the pre-authentication encoding is that of the DSSE specification, with lengths in bytes', (t) => {
  const text = (payloadType: string, body: string): string => preAuthEncoding(payloadType, Buffer.from(body)).toString();
  t.is(text('http://example.com/HelloWorld', 'hello world'), 'DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  t.is(text('é', 'ü'), 'DSSEv1 2 é 2 ü');
  t.is(text('', ''), 'DSSEv1 0  0 ');
});

test('a known key makes the signature that the DSSE specification has for it', (t) => {
  const sig = '2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA==';
  t.is(parts(sealEnvelope(type, payload, knownKey())).signatures[0]!.sig, sig);
});

test('the same payload and key make the same envelope, which opens', (t) => {
  const key = newKey();
  const envelope = sealEnvelope(type, payload, key);
  t.deepEqual(sealEnvelope(type, payload, key), envelope);
  t.deepEqual(openEnvelope(envelope, type, [key]), { payload, keyId: key.id });
});

test('both alphabets of base64 are taken, and no other text', (t) => {
  const key = newKey();
  const body = Buffer.from([0xfb, 0xff, 0xbf, 0x3e, 0x3f]);
  const standard = parts(sealEnvelope(type, body, key));
  const urlSafe = (text: string): string => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const [signature] = standard.signatures;
  const other = { ...standard, payload: urlSafe(standard.payload), signatures: [{ ...signature, sig: urlSafe(signature!.sig) }] };
  t.deepEqual(openEnvelope(pack(other), type, [key]).payload, body);
  for (const text of [`${standard.payload} `, `*${standard.payload}`, '+/-_']) {
    t.throws(() => openEnvelope(pack({ ...standard, payload: text }), type, [key]), { instanceOf: AttestationError, message: /no base64/ });
  }
});

test('a change at any place of the payload, its type or the signature is noticed', (t) => {
  const key = newKey();
  const good = parts(sealEnvelope(type, payload, key));
  const flipped = (text: string, index: number): string => {
    const bytes = Buffer.from(text, 'base64');
    bytes[index]! ^= 1;
    return bytes.toString('base64');
  };
  for (let index = 0; index < payload.length; index += 1) {
    const changed = { ...good, payload: flipped(good.payload, index) };
    t.throws(() => openEnvelope(pack(changed), type, [key]), { instanceOf: AttestationError, message: /changed after it was signed/ });
  }
  for (let index = 0; index < 64; index += 1) {
    const changed = { ...good, signatures: [{ keyid: key.id, sig: flipped(good.signatures[0]!.sig, index) }] };
    t.throws(() => openEnvelope(pack(changed), type, [key]), { instanceOf: AttestationError });
  }
  t.throws(() => openEnvelope(pack({ ...good, payloadType: 'text/plain' }), type, [key]), { message: /changed after it was signed/ });
  t.throws(() => openEnvelope(pack({ ...good, signatures: [{ keyid: key.id, sig: '' }] }), type, [key]), { instanceOf: AttestationError });
});

test('a payload of another type is refused, however well signed', (t) => {
  const key = newKey();
  t.throws(() => openEnvelope(sealEnvelope('text/plain', payload, key), type, [key]), { message: /holds "text\/plain"/ });
});

test('of several keys any may have signed, whatever the key id says', (t) => {
  const [former, current, stranger] = [newKey(), newKey(), newKey()];
  const envelope = sealEnvelope(type, payload, former);
  t.is(openEnvelope(envelope, type, [current, former]).keyId, former.id);
  const [signature] = parts(envelope).signatures;
  const lying = pack({ ...parts(envelope), signatures: [{ ...signature, keyid: current.id }] });
  t.is(openEnvelope(lying, type, [current, former]).keyId, former.id);
  const silent = pack({ ...parts(envelope), signatures: [{ sig: signature!.sig }] });
  t.is(openEnvelope(silent, type, [former]).keyId, former.id);
  t.throws(() => openEnvelope(envelope, type, [stranger]), { message: new RegExp(`${former.id}, which is none of the 1 keys`) });
  t.throws(() => openEnvelope(envelope, type, []), { message: /none of the 0 keys/ });
  t.throws(() => openEnvelope(pack({ ...parts(envelope), signatures: [] }), type, [former]), { message: /signed by nobody/ });
});

test('what is no envelope says so', (t) => {
  const good = parts(sealEnvelope(type, payload, newKey()));
  t.throws(() => openEnvelope(Buffer.from('{"payload"'), type, []), { instanceOf: AttestationError, message: /no JSON/ });
  t.throws(() => openEnvelope(Buffer.from([0x22, 0xff, 0x22]), type, []), { instanceOf: AttestationError, message: /no JSON/ });
  for (const value of [null, [], 'text', {}, { ...good, payload: 1 }, { ...good, signatures: {} }, { ...good, signatures: [null] }]) {
    t.throws(
      () => openEnvelope(pack(value), type, []),
      { instanceOf: AttestationError, message: /no DSSE envelope/ },
      JSON.stringify(value),
    );
  }
});

test('keys are read from PEM, one or several, and named by their SHA-256', (t) => {
  const keys = [newKey(), newKey()];
  const pem = keys.map(formatVerificationKey).join('# the one before\n');
  t.deepEqual(
    parseVerificationKeys(pem).map(({ id }) => id),
    keys.map(({ id }) => id),
  );
  // SHA-256 of the SubjectPublicKeyInfo of RFC 8032's key, as `openssl pkey -pubin -outform DER | sha256sum` has it.
  t.is(knownKey().id, '06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9');
});

test('a key of another kind, and what is none, are refused without being shown', (t) => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecPrivate = ec.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  t.throws(() => parseSigningKey(ecPrivate), {
    instanceOf: AttestationError,
    message: 'is a key of type ec; attestations are signed by Ed25519',
  });
  t.throws(() => parseVerificationKeys(ec.publicKey.export({ type: 'spki', format: 'pem' }) as string), { message: /of type ec/ });
  t.throws(() => parseSigningKey('hunter2'), { instanceOf: AttestationError, message: 'is no private key in PEM' });
  t.throws(() => parseVerificationKeys(ecPrivate), { message: 'holds no public key in PEM' });
  const broken = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';
  t.throws(() => parseVerificationKeys(broken), { instanceOf: AttestationError, message: /cannot be read/ });
});
