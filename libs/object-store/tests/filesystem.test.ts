import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@cloudscan/config';
import { FilesystemEdge, FilesystemObjectStore } from '../src/index.ts';
import type { EdgeOptions, FilesystemStoreOptions, Transfer } from '../src/index.ts';
import { StartUpError } from '@cloudscan/process';
import { eventually, testFile } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import test from 'ava';
import { openRequest, send } from './http.ts';
import { objectStoreConformance } from './object-store-conformance.ts';

interface Running {
  readonly store: FilesystemObjectStore;
  readonly edge: FilesystemEdge;
  readonly dataDir: string;
}

interface RunOptions {
  /** A new folder where it is not given. */
  readonly dataDir?: string;
  readonly edge?: Partial<EdgeOptions>;
  readonly store?: Partial<FilesystemStoreOptions>;
}

function newFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-objects-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function run(t: Teardown, options: RunOptions = {}): Promise<Running> {
  const dataDir = options.dataDir ?? newFolder(t);
  const publicUrl = (): string => `http://127.0.0.1:${edge.port}`;
  const store = await FilesystemObjectStore.open({ dataDir, signingKey: new Secret('a test key'), publicUrl, ...options.store });
  const edge = new FilesystemEdge(store, { host: '127.0.0.1', port: 0, ...options.edge });
  await edge.start();
  t.teardown(() => edge.stop());
  return { store, edge, dataDir };
}

const file = testFile(test);
let shared: Running;
test.before(async () => {
  shared = await run(file);
});

objectStoreConformance(test, 'filesystem', () => ({ store: shared.store, minPartBytes: 70_000, unbound: new Set() }));

function soon(): Date {
  return new Date(Date.now() + 60_000);
}

async function putUrl(store: FilesystemObjectStore, sizeBytes: number | null, key = 'key'): Promise<string> {
  const expected = { sizeBytes, maxBytes: 1024 ** 3, sha256: null };
  return (await store.presignPut({ key, expected, contentType: 'text/plain', expiresAt: soon() })).url;
}

async function getUrl(store: FilesystemObjectStore, key = 'key'): Promise<string> {
  return (await store.presignGet({ key, filename: 'f', contentType: 'text/plain', expiresAt: soon() })).url;
}

/** Every file and folder below the root but for the four fixed folders. */
function leftovers(dataDir: string): readonly string[] {
  return readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).filter(
    (path) => !['objects', 'multipart', 'incoming', 'trash'].includes(path),
  );
}

test('a refused, broken or aborted upload leaves no file at all', async (t) => {
  const { store, dataDir } = await run(t);
  t.is((await send(await putUrl(store, 10), 'PUT', { body: 'too short', headers: { 'Transfer-Encoding': 'chunked' } })).status, 400);
  const { request } = openRequest(await putUrl(store, 1_000_000), 'PUT', { 'Content-Length': 1_000_000 });
  request.on('error', () => undefined);
  await new Promise((resolve) => request.write(Buffer.alloc(500_000), resolve));
  await eventually(() => leftovers(dataDir).some((path) => path.endsWith('bytes')), { what: 'the upload to begin' });
  request.destroy();
  await eventually(() => leftovers(dataDir).length === 0, { what: 'an empty data folder' });
  t.pass();
});

test('a client that is refused while it still sends reads why', async (t) => {
  const { store } = await run(t);
  const { request, answer } = openRequest(await putUrl(store, 10), 'PUT', { 'Transfer-Encoding': 'chunked' });
  for (let sent = 0; sent < 16; sent += 1) request.write(Buffer.alloc(65_536));
  request.end();
  const { status, body } = await answer;
  t.is(status, 400);
  t.is((JSON.parse(body) as { error: string }).error, 'size_mismatch');
});

test('a client that asks whether to continue is refused before it sends a byte', async (t) => {
  const transfers: Transfer[] = [];
  const { store } = await run(t, { edge: { onTransfer: (transfer) => transfers.push(transfer) } });
  const { request, answer } = openRequest(await putUrl(store, 10), 'PUT', { 'Content-Length': 11, Expect: '100-continue' });
  request.flushHeaders();
  t.is((await answer).status, 400);
  await eventually(() => transfers.length === 1);
  t.is(transfers[0]!.bytesIn, 0);
  const accepted = openRequest(await putUrl(store, 10), 'PUT', { 'Content-Length': 10, Expect: '100-continue' });
  accepted.request.flushHeaders();
  await once(accepted.request, 'continue');
  accepted.request.end(Buffer.alloc(10));
  t.is((await accepted.answer).status, 200);
});

test('a full disk is 507 and leaves nothing', async (t) => {
  // The kernel answers every write to /dev/full with ENOSPC.
  const { store, dataDir } = await run(t, { store: { createFile: () => open('/dev/full', 'w') } });
  const { status, body } = await send(await putUrl(store, null), 'PUT', { body: 'some bytes' });
  t.is(status, 507);
  t.is((JSON.parse(body) as { error: string }).error, 'disk_full');
  const uploadId = await store.initiateMultipart('key');
  const part = await store.presignPart({ key: 'key', uploadId, partNumber: 1, maxBytes: 100, expiresAt: soon() });
  t.is((await send(part.url, 'PUT', { body: 'some bytes' })).status, 507);
  t.deepEqual(leftovers(dataDir).toSorted(), [join('multipart', uploadId), join('multipart', uploadId, 'key')]);
});

test('a data folder that cannot be used is one clear sentence', async (t) => {
  const folder = newFolder(t);
  writeFileSync(join(folder, 'file'), '');
  const attempt = FilesystemObjectStore.open({
    dataDir: join(folder, 'file'),
    signingKey: new Secret('k'),
    publicUrl: () => 'http://127.0.0.1',
  });
  const error = await t.throwsAsync(attempt, { instanceOf: StartUpError });
  t.regex(error.message, /is not a folder; .*STORAGE_DATA_DIR/);
});

test('a data folder that this user may not write is one clear sentence', (t) => {
  const folder = newFolder(t);
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o555);
  chmodSync(folder, 0o755);
  const script = `
    const { Folders } = await import(${JSON.stringify(new URL('../src/filesystem/folders.ts', import.meta.url).href)});
    // Root may write anywhere.
    if (process.getuid() === 0) process.setuid(65534);
    await Folders.open(${JSON.stringify(dataDir)}).then(() => console.log('opened'), (error) => console.log(error.name, error.message));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--conditions=@cloudscan/source', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.regex(stdout, /^StartUpError the storage folder .* cannot be written by this user; /, stderr);
});

test('a head that never ends is cut off', async (t) => {
  const { edge } = await run(t, { edge: { headersTimeoutMs: 100 } });
  const socket = connect(edge.port, '127.0.0.1');
  socket.write('PUT /objects/x HTTP/1.1\r\nHost: x\r\n');
  socket.resume();
  await once(socket, 'close');
  t.pass();
});

test('an upload and a download that trickle are cut off', async (t) => {
  const { store: patient, dataDir } = await run(t);
  await send(await putUrl(patient, null, 'large'), 'PUT', { body: Buffer.alloc(20_000_000) });
  const { store } = await run(t, { dataDir, edge: { minimumRate: { windowMs: 100, minimumBytes: 1000 } } });
  const { request, answer } = openRequest(await putUrl(store, 1_000_000), 'PUT', { 'Content-Length': 1_000_000 });
  const drip = setInterval(() => request.write('x'), 10);
  await t.throwsAsync(answer);
  clearInterval(drip);
  await eventually(() => readdirSync(join(dataDir, 'incoming')).length === 0);

  const url = new URL(await getUrl(store, 'large'));
  const socket = connect(Number(url.port), '127.0.0.1');
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: x\r\n\r\n`);
  socket.pause();
  socket.on('error', () => undefined);
  await eventually(async () => {
    // Reads a little now and then, never enough.
    socket.read(10);
    return socket.closed || socket.readableEnded || socket.destroyed || socket.errored !== null || !(await stillConnected(socket));
  });
  t.pass();
});

/** Whether the peer still takes a byte. */
function stillConnected(socket: ReturnType<typeof connect>): Promise<boolean> {
  return new Promise((resolve) => socket.write('x', (error) => resolve(error === undefined || error === null)));
}

test('stopping lets a transfer at work end, cuts off one that does not, and leaves no file of it', async (t) => {
  const { store, edge, dataDir } = await run(t, { edge: { drainMs: 6000 } });
  const ends = openRequest(await putUrl(store, 10, 'ends'), 'PUT', { 'Content-Length': 10 });
  const hangs = openRequest(await putUrl(store, 10, 'hangs'), 'PUT', { 'Content-Length': 10 });
  ends.request.write('12345');
  hangs.request.write('12345');
  await eventually(() => readdirSync(join(dataDir, 'incoming')).length === 2);
  const stopped = edge.stop();
  ends.request.end('67890');
  t.is((await ends.answer).status, 200);
  await t.throwsAsync(hangs.answer);
  await stopped;
  await edge.stop();
  t.is((await store.head('ends'))?.sizeBytes, 10);
  t.deepEqual(readdirSync(join(dataDir, 'incoming')), []);
});

test('starts and stops twenty times, also unstarted', async (t) => {
  const { store } = await run(t);
  await new FilesystemEdge(store, { host: '127.0.0.1', port: 0 }).stop();
  for (let round = 0; round < 20; round += 1) {
    await using edge = new FilesystemEdge(store, { host: '127.0.0.1', port: 0 });
    await edge.start();
    t.is((await fetch(`http://127.0.0.1:${edge.port}/`)).status, 404);
  }
});

test('what a killed process left is collected once it is old, and what is at work is not', async (t) => {
  const { store, dataDir } = await run(t);
  const orphan = join(dataDir, 'incoming', 'left-by-a-killed-process');
  mkdirSync(orphan);
  writeFileSync(join(orphan, 'bytes'), 'half');
  const doomed = join(dataDir, 'trash', 'half-removed');
  mkdirSync(doomed);
  const anHourAgo = new Date(Date.now() - 3_600_000);
  for (const path of [join(orphan, 'bytes'), orphan, doomed]) utimesSync(path, anHourAgo, anHourAgo);
  const { request, answer } = openRequest(await putUrl(store, 10), 'PUT', { 'Content-Length': 10 });
  request.write('12345');
  await eventually(() => readdirSync(join(dataDir, 'incoming')).length === 2);
  const cutoffs = { transfersBefore: new Date(Date.now() - 60_000), multipartBefore: new Date(0) };
  t.is(await store.collectAbandoned(cutoffs, new AbortController().signal), 2);
  request.end('67890');
  t.is((await answer).status, 200);
  t.deepEqual(readdirSync(join(dataDir, 'incoming')), []);
});

test('a completion that was broken off is finished by the next one', async (t) => {
  const { store, dataDir } = await run(t);
  const uploadId = await store.initiateMultipart('key');
  const part = await store.presignPart({ key: 'key', uploadId, partNumber: 1, maxBytes: 100, expiresAt: soon() });
  const { headers } = await send(part.url, 'PUT', { body: 'part' });
  // As a process leaves it that is killed between sealing the upload and putting the object in place.
  renameSync(join(dataDir, 'multipart', uploadId), join(dataDir, 'multipart', `${uploadId}.sealed`));
  writeFileSync(join(dataDir, 'multipart', `${uploadId}.sealed`, 'object.json'), '{"half":');
  const info = await store.completeMultipart('key', uploadId, [{ partNumber: 1, etag: headers.etag! }], {
    sizeBytes: 4,
    maxBytes: 100,
    sha256: null,
  });
  t.is(info.sizeBytes, 4);
  t.is(await (await fetch(await getUrl(store))).text(), 'part');
});

test('all parts together stay below the limit', async (t) => {
  const { store } = await run(t);
  const uploadId = await store.initiateMultipart('key');
  const urlOf = async (partNumber: number): Promise<string> =>
    (await store.presignPart({ key: 'key', uploadId, partNumber, maxBytes: 100, expiresAt: soon() })).url;
  t.is((await send(await urlOf(1), 'PUT', { body: Buffer.alloc(60) })).status, 200);
  t.is((await send(await urlOf(2), 'PUT', { body: Buffer.alloc(60) })).status, 413);
  t.is((await send(await urlOf(1), 'PUT', { body: Buffer.alloc(100) })).status, 200, 'a part that comes again makes room first');
});

test('a download at work survives the deletion of its object', async (t) => {
  const { store } = await run(t);
  const bytes = Buffer.alloc(8_000_000, 7);
  await send(await putUrl(store, null), 'PUT', { body: bytes });
  const response = await fetch(await getUrl(store));
  await store.deleteObjects(['key']);
  t.is((await response.arrayBuffer()).byteLength, bytes.length);
});

test('the bytes of a page cannot run on this origin', async (t) => {
  const { store } = await run(t);
  await send(await putUrl(store, null), 'PUT', { body: '<script>' });
  const { url } = await store.presignGet({ key: 'key', filename: 'x.html', contentType: 'text/html', expiresAt: soon() });
  const { headers } = await send(url, 'GET');
  t.is(headers['x-content-type-options'], 'nosniff');
  t.regex(String(headers['content-security-policy']), /sandbox/);
  t.regex(String(headers['content-disposition']), /^attachment/);
});

test('a raw path with dot segments reaches no file', async (t) => {
  const { edge, dataDir } = await run(t);
  writeFileSync(join(dataDir, 'secret'), 'secret');
  for (const path of ['/objects/../secret', '/objects/..%2f..%2fsecret', '/../secret', '/objects/%', '/', '//', '*']) {
    const { status, body } = await send(`http://127.0.0.1:${edge.port}${path.startsWith('/') ? path : `/${path}`}`, 'GET');
    t.true(status === 403 || status === 404, path);
    t.false(body.includes(dataDir));
  }
});

test('a public URL with a path works whether or not a proxy removes it', async (t) => {
  const { store, edge } = await run(t, { store: { publicUrl: () => 'https://files.example/storage/' } });
  const signed = new URL(await putUrl(store, 4));
  t.is(`${signed.origin}${signed.pathname}`, `https://files.example/storage/objects/${Buffer.from('key').toString('base64url')}`);
  for (const path of [signed.pathname, signed.pathname.replace('/storage', '')]) {
    t.is((await send(`http://127.0.0.1:${edge.port}${path}${signed.search}`, 'PUT', { body: 'body' })).status, 200);
  }
});

test('the same bytes again are answered 200, other bytes 409', async (t) => {
  const { store } = await run(t);
  const upload = async (body: string): Promise<number> => (await send(await putUrl(store, null), 'PUT', { body })).status;
  t.deepEqual([await upload('first'), await upload('first'), await upload('other')], [200, 200, 409]);
});

test('reports what went through', async (t) => {
  const transfers: Transfer[] = [];
  const { store } = await run(t, { edge: { onTransfer: (transfer) => transfers.push(transfer) } });
  await send(await putUrl(store, 5), 'PUT', { body: '12345' });
  await send(await getUrl(store), 'GET');
  await eventually(() => transfers.length === 2);
  t.deepEqual(
    transfers.map(({ method, status, bytesIn, bytesOut }) => [method, status, bytesIn, bytesOut]),
    [
      ['PUT', 200, 5, 0],
      ['GET', 200, 0, 5],
    ],
  );
});
