import { randomUUID } from 'node:crypto';
import { Secret } from '@cloudscan/config';
import { requires, startGcs, testFile } from '@cloudscan/testing';
import type { TestGcs } from '@cloudscan/testing';
import { Storage } from '@google-cloud/storage';
import type { Bucket } from '@google-cloud/storage';
import test from 'ava';
import { GoogleAuth, JWT } from 'google-auth-library';
import { compose } from '../src/gcs/compose.ts';
import { GcsObjectStore } from '../src/index.ts';
import type { CompletedPart, GcsStoreOptions, PresignPutRequest } from '../src/index.ts';
import { sideBySide } from '../src/side-by-side.ts';
import { send } from './http.ts';
import { objectStoreConformance, sha256 } from './object-store-conformance.ts';
import type { Unbound } from './object-store-conformance.ts';

const gcsTest = requires(test, 'fake-gcs-server');
const file = testFile(test);
const unbound: ReadonlySet<Unbound> = new Set(['checksum', 'head', 'same-bytes', 'ended-upload']);
const unknown = { sizeBytes: null, maxBytes: 1000, sha256: null };
let gcs: TestGcs;
let shared: GcsObjectStore;

gcsTest.before(async () => {
  gcs = await startGcs(file, { bucket: 'artifacts' });
  shared = await open('artifacts');
});

objectStoreConformance(gcsTest, 'GCS', () => ({ store: shared, minPartBytes: 70_000, unbound }));

function optionsFor(bucket: string, { endpoint, projectId, clientEmail, privateKey }: TestGcs): GcsStoreOptions {
  return { bucket, projectId, endpoint, publicEndpoint: null, credentials: { clientEmail, privateKey: new Secret(privateKey) } };
}

function open(bucket: string, changes: Partial<GcsStoreOptions> = {}): Promise<GcsObjectStore> {
  return GcsObjectStore.open({ ...optionsFor(bucket, gcs), ...changes });
}

function uploadOf(body: string, changes: Partial<PresignPutRequest> = {}): PresignPutRequest {
  const expected = { sizeBytes: body.length, maxBytes: 1000, sha256: null };
  return { key: randomUUID(), expected, contentType: 'text/plain', expiresAt: soon(), ...changes };
}

function soon(): Date {
  return new Date(Date.now() + 60_000);
}

function newStorage(): Storage {
  return new Storage({ projectId: gcs.projectId, apiEndpoint: gcs.endpoint });
}

async function newBucket(): Promise<Bucket> {
  const [bucket] = await newStorage().createBucket(`artifacts-${randomUUID()}`);
  return bucket;
}

async function namesIn(bucket: Bucket): Promise<readonly string[]> {
  const [files] = await bucket.getFiles();
  return files.map(({ name }) => name);
}

gcsTest('URLs lead to the public endpoint', async (t) => {
  const originOf = async (changes: Partial<GcsStoreOptions>): Promise<string> => {
    const { url } = await (await open('bucket', changes)).presignPut(uploadOf('body', { key: 'a/b' }));
    return url.split('?')[0]!;
  };
  t.is(await originOf({}), `${gcs.endpoint}/bucket/a/b`);
  t.is(await originOf({ publicEndpoint: 'https://files.example:8443' }), 'https://files.example:8443/bucket/a/b');
  t.is(await originOf({ endpoint: null }), 'https://storage.googleapis.com/bucket/a/b');
});

gcsTest('a URL ends after seven days at the latest, and says so', async (t) => {
  const before = Date.now();
  const { url, expiresAt } = await shared.presignPut(uploadOf('body', { expiresAt: new Date(before + 30 * 86_400_000) }));
  t.is(new URL(url).searchParams.get('X-Goog-Expires'), '604800');
  t.true(Math.abs(expiresAt.getTime() - before - 604_800_000) < 60_000);
});

gcsTest('an upload is bound to its length and an empty place, and brings nothing else along', async (t) => {
  const request = uploadOf('body');
  const { url, headers } = await shared.presignPut(request);
  t.deepEqual(headers, {
    'Content-Type': 'text/plain',
    'Content-Length': '4',
    'x-goog-if-generation-match': '0',
    'x-goog-content-length-range': '4,4',
  });
  for (const name of ['x-goog-if-generation-match', 'x-goog-content-length-range']) {
    const { [name]: value, ...others } = headers;
    t.is((await send(url, 'PUT', { headers: others, body: 'body' })).status, 400, `${name} left out`);
    t.is((await send(url, 'PUT', { headers: { ...others, [name]: `${value}0` }, body: 'body' })).status, 403, `${name} changed`);
  }
  const forged = { 'x-goog-meta-cloudscan-sha256': sha256(Buffer.from('other')) };
  t.is((await send(url, 'PUT', { headers: { ...headers, ...forged }, body: 'body' })).status, 400, 'metadata');
  t.is(await shared.head(request.key), null);
  t.is((await send(url, 'PUT', { headers, body: 'body' })).status, 200);
});

gcsTest('what the library of Google signs is taken, and not what another key signed', async (t) => {
  const request = uploadOf('body', { key: `library/${randomUUID()}` });
  const { url: upload, headers } = await shared.presignPut(request);
  t.is((await send(upload, 'PUT', { headers, body: 'body' })).status, 200);
  const auth = new GoogleAuth({ authClient: new JWT({ email: gcs.clientEmail, key: gcs.privateKey }) });
  const authClient = Object.assign(auth, { getCredentials: async () => ({ client_email: gcs.clientEmail }) });
  const library = new Storage({ projectId: gcs.projectId, apiEndpoint: gcs.endpoint, authClient });
  const [url] = await library.bucket('artifacts').file(request.key).getSignedUrl({ version: 'v4', action: 'read', expires: soon() });
  // It leaves the port out of what it signs.
  t.is((await send(url, 'GET', { headers: { Host: '127.0.0.1' } })).body, 'body');
  t.is((await send(url.replace(/.{8}$/, '00000000'), 'GET', { headers: { Host: '127.0.0.1' } })).status, 403);
  t.is((await send(url, 'GET', { headers: { Host: 'elsewhere' } })).status, 403);
});

gcsTest('more parts than one call composes make one object, and leave nothing behind', async (t) => {
  const bucket = await newBucket();
  const store = await open(bucket.name);
  const numbers = Array.from({ length: 70 }, (_, index) => index + 1);
  const uploadId = await store.initiateMultipart('key');
  const parts = await sideBySide(numbers, 8, async (partNumber): Promise<CompletedPart> => {
    const { url } = await store.presignPart({ key: 'key', uploadId, partNumber, maxBytes: 1000, expiresAt: soon() });
    return { partNumber, etag: (await send(url, 'PUT', { body: `${partNumber},` })).headers.etag! };
  });
  const whole = Buffer.from(numbers.map((number) => `${number},`).join(''));
  const expected = { sizeBytes: whole.length, maxBytes: 1000, sha256: sha256(whole) };
  const info = await store.completeMultipart('key', uploadId, parts.toReversed(), expected);
  t.is(info.sha256, sha256(whole));
  t.regex(info.etag, /^crc32c-/, 'a composed object has no MD5');
  t.is(await store.hash('key', new AbortController().signal), sha256(whole));
  t.deepEqual(await namesIn(bucket), ['key']);
});

gcsTest('composes parts as they were looked at, and replaces nothing', async (t) => {
  const bucket = await newBucket();
  const part = bucket.file('part');
  const save = async (body: string): Promise<string> => {
    await part.save(body, { resumable: false });
    return String((await part.getMetadata())[0].generation);
  };
  const old = await save('old');
  const source = { name: 'part', generation: await save('new') };
  const into = (name: string) => ({ name, metadata: {}, folder: '.uploads/test' });
  const stale = await t.throwsAsync<Error & { code: number }>(compose(bucket, [{ name: 'part', generation: old }], into('object')));
  t.is(stale.code, 404);
  await compose(bucket, [source, source], into('object'));
  t.is((await bucket.file('object').download())[0].toString(), 'newnew');
  const taken = await t.throwsAsync<Error & { code: number }>(compose(bucket, [source], into('object')));
  t.is(taken.code, 412);
});

gcsTest('completions at the same time answer the same object', async (t) => {
  const uploadId = await shared.initiateMultipart('together');
  const { url } = await shared.presignPart({ key: 'together', uploadId, partNumber: 1, maxBytes: 1000, expiresAt: soon() });
  const parts = [{ partNumber: 1, etag: (await send(url, 'PUT', { body: 'part' })).headers.etag! }];
  const complete = () => shared.completeMultipart('together', uploadId, parts, unknown);
  const [first, second] = await Promise.all([complete(), complete()]);
  t.deepEqual(first, second);
});

gcsTest('a bucket that is not there cannot take an upload', async (t) => {
  const store = await open('no-such-bucket');
  await t.throwsAsync(store.check());
});
