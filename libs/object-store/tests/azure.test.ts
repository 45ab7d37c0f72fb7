import { randomUUID } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { TokenCredential } from '@azure/identity';
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { Secret } from '@cloudscan/config';
import { requires, serverCertificate, startAzurite, testFile } from '@cloudscan/testing';
import type { TestAzurite } from '@cloudscan/testing';
import test from 'ava';
import { AzureObjectStore } from '../src/index.ts';
import type { AzureStoreOptions, PresignPutRequest } from '../src/index.ts';
import { send } from './http.ts';
import { objectStoreConformance } from './object-store-conformance.ts';
import type { Unbound } from './object-store-conformance.ts';

const azuriteTest = requires(test, 'azurite');
const file = testFile(test);
const unbound: ReadonlySet<Unbound> = new Set([
  'length',
  'limit',
  'checksum',
  'chunked',
  'suffix-range',
  'same-bytes',
  'forbidden',
  'part-etag',
  'ended-upload',
  'late-checksum',
]);
const unknown = { sizeBytes: null, maxBytes: 1000, sha256: null };
let azurite: TestAzurite;
let shared: AzureObjectStore;

azuriteTest.before(async () => {
  azurite = await startAzurite(file, { container: 'artifacts' });
  shared = await open('artifacts');
});

objectStoreConformance(azuriteTest, 'Azure', () => ({ store: shared, minPartBytes: 70_000, unbound }));

function optionsFor(container: string, { endpoint, accountName, accountKey }: TestAzurite): AzureStoreOptions {
  return { container, accountName, accountKey: new Secret(accountKey), endpoint, publicEndpoint: null };
}

function open(container: string, changes: Partial<AzureStoreOptions> = {}): Promise<AzureObjectStore> {
  return AzureObjectStore.open({ ...optionsFor(container, azurite), ...changes });
}

function containerClient(name: string): ContainerClient {
  const { endpoint, accountName, accountKey } = azurite;
  return new ContainerClient(`${endpoint}/${name}`, new StorageSharedKeyCredential(accountName, accountKey));
}

async function newContainer(): Promise<string> {
  const name = `artifacts-${randomUUID()}`;
  await containerClient(name).create();
  return name;
}

/** Signing needs no server. */
function openOffline(changes: Partial<AzureStoreOptions> = {}): Promise<AzureObjectStore> {
  const nowhere = { endpoint: 'http://127.0.0.1:9/account', accountName: 'account', accountKey: 'a2V5' };
  return AzureObjectStore.open({ ...optionsFor('container', nowhere), ...changes });
}

function uploadOf(body: string, expiresAt = soon()): PresignPutRequest {
  return { key: 'a/b', expected: { sizeBytes: body.length, maxBytes: 1000, sha256: null }, contentType: 'text/plain', expiresAt };
}

function soon(): Date {
  return new Date(Date.now() + 60_000);
}

/** The URL of a part. */
async function partUrl(store: AzureObjectStore, key: string, uploadId: string, partNumber: number): Promise<string> {
  return (await store.presignPart({ key, uploadId, partNumber, maxBytes: 1000, expiresAt: soon() })).url;
}

async function uploadParts(store: AzureObjectStore, key: string, bodies: readonly string[]): Promise<string> {
  const uploadId = await store.initiateMultipart(key);
  for (const [index, body] of bodies.entries()) await send(await partUrl(store, key, uploadId, index + 1), 'PUT', { body });
  return uploadId;
}

test('URLs lead to the public endpoint, and to HTTPS only where it is that', async (t) => {
  const urlOf = async (changes: Partial<AzureStoreOptions>): Promise<readonly (string | null)[]> => {
    const url = new URL((await (await openOffline(changes)).presignPut(uploadOf('body'))).url);
    return [url.origin + url.pathname, url.searchParams.get('spr')];
  };
  t.deepEqual(await urlOf({}), ['http://127.0.0.1:9/account/container/a/b', 'https,http']);
  t.deepEqual(await urlOf({ publicEndpoint: 'https://files.example:8443/' }), ['https://files.example:8443/container/a/b', 'https']);
  t.deepEqual(await urlOf({ endpoint: null }), ['https://account.blob.core.windows.net/container/a/b', 'https']);
});

test('an upload may create an object and no more', async (t) => {
  const { url, headers } = await (await openOffline()).presignPut(uploadOf('body'));
  t.is(new URL(url).searchParams.get('sp'), 'c');
  t.is(new URL(url).searchParams.get('sr'), 'b');
  t.deepEqual(headers, { 'Content-Type': 'text/plain', 'Content-Length': '4', 'x-ms-blob-type': 'BlockBlob', 'If-None-Match': '*' });
});

azuriteTest('the URL of a part opens neither the object nor another upload', async (t) => {
  const uploadId = await shared.initiateMultipart('mine');
  const url = await partUrl(shared, 'mine', uploadId, 1);
  const query = url.slice(url.indexOf('?'));
  const headers = { 'x-ms-blob-type': 'BlockBlob' };
  for (const name of ['mine', `.uploads/${randomUUID()}`]) {
    t.is((await send(`${azurite.endpoint}/artifacts/${name}${query}`, 'PUT', { headers, body: 'body' })).status, 403, name);
  }
  t.is(await shared.head('mine'), null);
});

azuriteTest('blocks that a client names itself are no parts, and let no upload last', async (t) => {
  const container = await newContainer();
  const store = await open(container);
  const uploadId = await store.initiateMultipart('key');
  const url = new URL(await partUrl(store, 'key', uploadId, 1));
  for (const id of ['of my own choosing', '00001.999999999999999']) {
    url.searchParams.set('blockid', Buffer.from(id.padEnd(21)).toString('base64'));
    await send(url.href, 'PUT', { body: 'body' });
  }
  const collected = await store.collectAbandoned({ transfersBefore: new Date(0), multipartBefore: soon() }, new AbortController().signal);
  t.is(collected, 1);
  t.deepEqual(await namesIn(container), []);
});

azuriteTest('a completion that broke off between its steps goes on when it comes again', async (t) => {
  const container = await newContainer();
  const store = await open(container);
  const uploadId = await uploadParts(store, 'key', ['one ', 'two']);
  const [staged = ''] = await namesIn(container);
  const blob = containerClient(container).getBlockBlobClient(staged);
  const { uncommittedBlocks = [] } = await blob.getBlockList('uncommitted');
  await blob.commitBlockList(uncommittedBlocks.map(({ name }) => name));
  const parts = [1, 2].map((partNumber) => ({ partNumber, etag: '' }));
  t.is((await store.completeMultipart('key', uploadId, parts, unknown)).sizeBytes, 7);
  t.deepEqual(await namesIn(container), ['key']);
});

azuriteTest('completions at the same time answer the same object', async (t) => {
  const uploadId = await uploadParts(shared, 'together', ['one ', 'two']);
  const parts = [1, 2].map((partNumber) => ({ partNumber, etag: '' }));
  const complete = async () => {
    try {
      return await shared.completeMultipart('together', uploadId, parts, unknown);
    } catch {
      return await shared.completeMultipart('together', uploadId, parts, unknown);
    }
  };
  const [first, second] = await Promise.all([complete(), complete()]);
  t.deepEqual(first, second);
  t.is(first.sizeBytes, 7);
});

azuriteTest('an upload that says to be of another upload is measured all the same', async (t) => {
  const uploadId = await uploadParts(shared, 'disguised', ['part']);
  const { url, headers } = await shared.presignPut({ ...uploadOf('longer than declared'), key: 'disguised' });
  const disguise = { 'x-ms-meta-cloudscan_upload': uploadId };
  t.is((await send(url, 'PUT', { headers: { ...headers, ...disguise }, body: 'longer than declared' })).status, 201);
  const completion = shared.completeMultipart('disguised', uploadId, [{ partNumber: 1, etag: '' }], { ...unknown, sizeBytes: 4 });
  t.is((await t.throwsAsync<Error & { code: string }>(completion)).code, 'size_mismatch');
  t.is(await shared.head('disguised'), null);
});

azuriteTest('deletes more than one batch', async (t) => {
  const store = await open(await newContainer());
  const { url, headers } = await store.presignPut(uploadOf('body'));
  t.is((await send(url, 'PUT', { headers, body: 'body' })).status, 201);
  await store.deleteObjects([...Array.from({ length: 256 }, (_, index) => `missing/${index}`), 'a/b']);
  t.is(await store.head('a/b'), null);
});

azuriteTest('a container that is not there cannot take an upload', async (t) => {
  const store = await open('no-such-container');
  await t.throwsAsync(store.check());
  await t.throwsAsync(store.head('a'));
  await t.throwsAsync(store.deleteObjects(['a']));
});

azuriteTest.serial('an identity without the key of the account signs by user delegation keys', async (t) => {
  const certificate = await serverCertificate(['127.0.0.1']);
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, certificate.certificate]);
  t.teardown(() => setDefaultCACertificates(before));
  const secure = await startAzurite(t, { container: 'artifacts', certificate });
  const store = await AzureObjectStore.open({ ...optionsFor('artifacts', secure), accountKey: null }, identity());
  await store.check();

  const { url, headers } = await store.presignPut(uploadOf('body'));
  t.truthy(new URL(url).searchParams.get('skoid'));
  t.is((await fetch(url, { method: 'PUT', headers, body: 'body' })).status, 201);
  const uploadId = await store.initiateMultipart('parts');
  t.is((await fetch(await partUrl(store, 'parts', uploadId, 1), { method: 'PUT', body: 'part' })).status, 201);
  t.is((await store.completeMultipart('parts', uploadId, [{ partNumber: 1, etag: '' }], unknown)).sizeBytes, 4);
  const get = await store.presignGet({ key: 'parts', filename: 'f', contentType: 'text/plain', expiresAt: soon() });
  t.is(await (await fetch(get.url)).text(), 'part');
  t.is((await fetch(get.url.replace('sp=r', 'sp=w'))).status, 403);

  const late = await store.presignPut(uploadOf('body', new Date(Date.now() + 30 * 86_400_000)));
  t.true(late.expiresAt.getTime() < new Date(new URL(late.url).searchParams.get('ske')!).getTime(), 'no URL outlives its key');
  t.is(new URL(late.url).searchParams.get('skt'), new URL(url).searchParams.get('skt'), 'a key signs more than one URL');
});

/** Every blob of a container, staged ones too. */
async function namesIn(container: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of containerClient(container).listBlobsFlat({ includeUncommitedBlobs: true })) names.push(name);
  return names;
}

/** Azurite looks at what a token says, and not at who signed it. */
function identity(): TokenCredential {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${randomUUID()}/`,
    nbf: seconds - 60,
    iat: seconds,
    exp: seconds + 3600,
  };
  const token = [{ alg: 'none', typ: 'JWT' }, { ...claims, oid: randomUUID(), tid: randomUUID() }, {}];
  const encoded = token.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return { getToken: async () => ({ token: encoded, expiresOnTimestamp: (seconds + 3600) * 1000 }) };
}
