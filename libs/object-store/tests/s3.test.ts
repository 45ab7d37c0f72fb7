import { createHash, randomUUID } from 'node:crypto';
import { CreateBucketCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Secret } from '@cloudscan/config';
import { requires, startMinio, testFile } from '@cloudscan/testing';
import type { TestMinio } from '@cloudscan/testing';
import test from 'ava';
import { S3ObjectStore } from '../src/index.ts';
import type { PresignPutRequest, S3StoreOptions } from '../src/index.ts';
import { send } from './http.ts';
import { objectStoreConformance } from './object-store-conformance.ts';
import type { Unbound } from './object-store-conformance.ts';

const minioTest = requires(test, 'minio');
const file = testFile(test);
const unbound: ReadonlySet<Unbound> = new Set(['limit', 'chunked', 'head', 'same-bytes', 'late-checksum']);
let minio: TestMinio;
let shared: S3ObjectStore;

minioTest.before(async () => {
  minio = await startMinio(file, { bucket: 'artifacts' });
  shared = await open('artifacts');
});

objectStoreConformance(minioTest, 'S3', () => ({ store: shared, minPartBytes: 5 * 1024 ** 2, unbound }));

function optionsFor(bucket: string, { endpoint, region, accessKeyId, secretAccessKey }: TestMinio): S3StoreOptions {
  return {
    bucket,
    region,
    endpoint,
    publicEndpoint: null,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey: new Secret(secretAccessKey) },
    serverSideEncryption: null,
    kmsKeyId: null,
  };
}

function open(bucket: string, changes: Partial<S3StoreOptions> = {}): Promise<S3ObjectStore> {
  return S3ObjectStore.open({ ...optionsFor(bucket, minio), ...changes });
}

function newClient(): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = minio;
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
}

async function newBucket(): Promise<string> {
  const bucket = `artifacts-${randomUUID()}`;
  await newClient().send(new CreateBucketCommand({ Bucket: bucket }));
  return bucket;
}

/** Signing needs no server. */
function openOffline(changes: Partial<S3StoreOptions> = {}): Promise<S3ObjectStore> {
  const nowhere = { endpoint: 'http://127.0.0.1:9', region: 'eu-west-3', accessKeyId: 'id', secretAccessKey: 'secret' };
  return S3ObjectStore.open({ ...optionsFor('bucket', nowhere), ...changes });
}

function uploadOf(body: string, expiresAt = new Date(Date.now() + 60_000)): PresignPutRequest {
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { key: 'a/b', expected: { sizeBytes: body.length, maxBytes: 1000, sha256 }, contentType: 'text/plain', expiresAt };
}

test('URLs lead to the public endpoint, to the bucket as path or as host', async (t) => {
  const originOf = async (changes: Partial<S3StoreOptions>): Promise<string> => {
    const { url } = await (await openOffline(changes)).presignPut(uploadOf('body'));
    return url.split('?')[0]!;
  };
  t.is(await originOf({}), 'http://127.0.0.1:9/bucket/a/b');
  const publicEndpoint = 'https://files.example:8443';
  t.is(await originOf({ publicEndpoint }), 'https://files.example:8443/bucket/a/b');
  t.is(await originOf({ publicEndpoint, forcePathStyle: false }), 'https://bucket.files.example:8443/a/b');
  t.is(await originOf({ endpoint: null, forcePathStyle: false }), 'https://bucket.s3.eu-west-3.amazonaws.com/a/b');
});

test('an upload is bound to its length, its SHA-256, its encryption and an empty place', async (t) => {
  const store = await openOffline({ serverSideEncryption: 'aws:kms', kmsKeyId: 'key-id' });
  const { url, headers } = await store.presignPut(uploadOf('body'));
  t.deepEqual(new URL(url).searchParams.get('X-Amz-SignedHeaders')?.split(';'), [
    'content-length',
    'host',
    'if-none-match',
    'x-amz-checksum-sha256',
    'x-amz-server-side-encryption',
    'x-amz-server-side-encryption-aws-kms-key-id',
  ]);
  t.deepEqual(headers, {
    'Content-Type': 'text/plain',
    'Content-Length': '4',
    'If-None-Match': '*',
    'x-amz-checksum-sha256': createHash('sha256').update('body').digest('base64'),
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': 'key-id',
  });
});

test('a URL ends after seven days at the latest, and says so', async (t) => {
  const store = await openOffline();
  const before = Date.now();
  const { url, expiresAt } = await store.presignPut(uploadOf('body', new Date(before + 30 * 86_400_000)));
  t.is(new URL(url).searchParams.get('X-Amz-Expires'), '604800');
  t.true(Math.abs(expiresAt.getTime() - before - 604_800_000) < 60_000);
});

minioTest('objects and multipart objects are encrypted as asked', async (t) => {
  const bucket = await newBucket();
  const store = await open(bucket, { serverSideEncryption: 'AES256' });
  const { url, headers } = await store.presignPut(uploadOf('body'));
  t.is((await send(url, 'PUT', { headers, body: 'body' })).status, 200);
  const uploadId = await store.initiateMultipart('parts');
  const part = await store.presignPart({ key: 'parts', uploadId, partNumber: 1, maxBytes: 100, expiresAt: new Date(Date.now() + 60_000) });
  const etag = (await send(part.url, 'PUT', { body: 'part' })).headers.etag!;
  await store.completeMultipart('parts', uploadId, [{ partNumber: 1, etag }], { sizeBytes: 4, maxBytes: 100, sha256: null });
  for (const Key of ['a/b', 'parts']) {
    t.is((await newClient().send(new HeadObjectCommand({ Bucket: bucket, Key }))).ServerSideEncryption, 'AES256', Key);
  }
});

minioTest('an upload without one of its bound headers is refused', async (t) => {
  const store = await open(await newBucket());
  const { url, headers } = await store.presignPut(uploadOf('body'));
  for (const name of ['If-None-Match', 'x-amz-checksum-sha256']) {
    const { [name]: _, ...others } = headers;
    t.true((await send(url, 'PUT', { headers: others, body: 'body' })).status >= 400, name);
  }
  t.is(await store.head('a/b'), null);
});

minioTest('deletes more than one batch', async (t) => {
  const store = await open(await newBucket());
  const { url, headers } = await store.presignPut(uploadOf('body'));
  await send(url, 'PUT', { headers, body: 'body' });
  const missing = Array.from({ length: 1000 }, (_, index) => `missing/${index}`);
  await store.deleteObjects([...missing, 'a/b']);
  t.is(await store.head('a/b'), null);
});

minioTest('a bucket that is not there cannot take an upload', async (t) => {
  const store = await open('no-such-bucket');
  await t.throwsAsync(store.check());
});
