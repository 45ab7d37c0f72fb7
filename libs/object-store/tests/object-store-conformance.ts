import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CompletedPart, ExpectedBytes, ObjectInfo, ObjectStore } from '../src/index.ts';
import { maxPartNumber, ObjectStoreError } from '../src/index.ts';
import { eventually } from '@cloudscan/testing';
import type { ExecutionContext, TestFn } from 'ava';
import { openRequest, send } from './http.ts';

/**
 * What a backend cannot make its URLs hold to. Its store has to tell the truth instead, so that the service can refuse.
 * `length`: the declared size. `limit`: the most bytes of an upload of unknown size. `checksum`: the declared SHA-256, which
 * the store does not note either. `chunked`: it takes no upload that does not say its length. `head`: a URL for GET serves no
 * HEAD. `suffix-range`: it serves no range that counts from the end. `same-bytes`: the same bytes again are refused as others
 * are. `forbidden`: what is there already is answered 403, since its URL may only create. `part-etag`: parts have none; the
 * last of a number counts. `ended-upload`: a part that comes after the end of its upload is taken, and leads nowhere.
 * `late-checksum`: the SHA-256 of a multipart upload is known only once it is over.
 */
export type Unbound =
  | 'length'
  | 'limit'
  | 'checksum'
  | 'chunked'
  | 'head'
  | 'suffix-range'
  | 'same-bytes'
  | 'forbidden'
  | 'part-etag'
  | 'ended-upload'
  | 'late-checksum';

const mebibyte = 1024 ** 2;
/** More parts than GCS composes at once, of the smallest size that S3 takes. */
const partMebibytes = 5;
/** Set TRANSFER_MEBIBYTES=5120 to see the largest artifact; the default shows the same in a moment. */
const largeMebibytes = Number(process.env['TRANSFER_MEBIBYTES'] ?? 165);
const maxHeldMebibytes = 32;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export interface ConformanceBackend {
  readonly store: ObjectStore;
  /** The smallest part that the backend takes unless it is the last; S3 wants 5 MiB. */
  readonly minPartBytes: number;
  readonly unbound: ReadonlySet<Unbound>;
}

/**
 * What every backend has to do, through the port and through its URLs. A backend calls it once in its test file:
 *
 *     objectStoreConformance(test, 'filesystem', () => backend);
 *
 * @param backend asked in every test, so that it can be made in `test.before`
 */
export function objectStoreConformance(test: TestFn, name: string, backend: () => ConformanceBackend): void {
  uploads(test, name, backend);
  urls(test, name, backend);
  downloads(test, name, backend);
  deletionAndListing(test, name, () => backend().store);
  multipart(test, name, backend);
}

function uploads(test: TestFn, name: string, backend: () => ConformanceBackend): void {
  const store = (): ObjectStore => backend().store;
  test(`${name}: what was uploaded is what is downloaded`, async (t) => {
    const key = newKey();
    const bytes = randomBytes(100_000);
    const { url, headers } = await presignPut(store(), key, exactly(bytes));
    const answer = await send(url, 'PUT', { headers, body: bytes });
    t.true(isStored(answer.status));
    const response = await download(store(), key);
    t.is(response.status, 200);
    t.is(response.headers.get('content-length'), '100000');
    t.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
    const info = await requireObject(store(), key);
    t.is(info.sizeBytes, bytes.length);
    t.is(info.sha256, backend().unbound.has('checksum') ? null : sha256(bytes));
    t.is(await store().hash(key, new AbortController().signal), sha256(bytes));
  });

  test(`${name}: reads the SHA-256 of what is there, null of what is not, and stops when it is aborted`, async (t) => {
    const key = newKey();
    t.is(await store().hash(key, new AbortController().signal), null);
    const bytes = randomBytes(3_000_000);
    await put(store(), key, bytes);
    t.is(await store().hash(key, new AbortController().signal), sha256(bytes));
    await t.throwsAsync(store().hash(key, AbortSignal.abort()));
  });

  test(`${name}: an empty object is an object`, async (t) => {
    const key = newKey();
    t.true(isStored(await put(store(), key, Buffer.alloc(0))));
    t.is((await requireObject(store(), key)).sizeBytes, 0);
    t.is(await (await download(store(), key)).text(), '');
  });

  test(`${name}: an upload of unknown size is taken up to the limit`, async (t) => {
    const key = newKey();
    const expected = { sizeBytes: null, maxBytes: 1000, sha256: null };
    const upload = async (on: string, length: number): Promise<number> => {
      const { url, headers } = await presignPut(store(), on, expected);
      if (backend().unbound.has('chunked')) return (await send(url, 'PUT', { headers, body: Buffer.alloc(length) })).status;
      return sendChunked(url, headers, [Buffer.alloc(length - 400), Buffer.alloc(400)]);
    };
    const status = await upload(key, 1001);
    if (backend().unbound.has('limit')) {
      t.true(isStored(status));
      t.is((await requireObject(store(), key)).sizeBytes, 1001);
      await store().deleteObjects([key]);
    } else {
      t.true(status >= 400);
      t.is(await store().head(key), null);
    }
    t.true(isStored(await upload(key, 1000)));
    t.is((await requireObject(store(), key)).sizeBytes, 1000);
    t.is(await store().hash(key, new AbortController().signal), sha256(Buffer.alloc(1000)));
  });

  for (const [how, length] of [
    ['shorter', 9],
    ['longer', 11],
  ] as const) {
    test(`${name}: an upload that is ${how} than declared is refused and leaves nothing`, async (t) => {
      const key = newKey();
      const expected = { sizeBytes: 10, maxBytes: 1000, sha256: null };
      const { url, headers } = await presignPut(store(), key, expected);
      const lengthHeader = { 'Content-Length': length };
      const upload = await send(url, 'PUT', { headers: { ...headers, ...lengthHeader }, body: Buffer.alloc(length) });
      if (backend().unbound.has('length')) {
        t.true(isStored(upload.status));
        t.is((await requireObject(store(), key)).sizeBytes, length);
        await store().deleteObjects([key]);
      } else {
        t.true(upload.status >= 400);
      }
      t.true((await sendChunked(url, headers, [Buffer.alloc(length)])) >= 400);
      t.is(await store().head(key), null);
    });
  }

  test(`${name}: an upload with another SHA-256 than declared is refused and leaves nothing`, async (t) => {
    const key = newKey();
    const { url, headers } = await presignPut(store(), key, exactly(Buffer.from('declared')));
    const upload = await send(url, 'PUT', { headers, body: 'uploaded' });
    if (backend().unbound.has('checksum')) {
      t.true(isStored(upload.status));
      t.is(await store().hash(key, new AbortController().signal), sha256(Buffer.from('uploaded')));
      await store().deleteObjects([key]);
    } else {
      t.is(upload.status, 400);
    }
    t.is(await store().head(key), null);
    t.true(isStored((await send(url, 'PUT', { headers, body: 'declared' })).status), 'the same URL serves the right bytes');
  });

  test(`${name}: an upload that breaks off leaves nothing`, async (t) => {
    const key = newKey();
    const { url, headers } = await presignPut(store(), key, { sizeBytes: 1000, maxBytes: 1000, sha256: null });
    const { request } = openRequest(url, 'PUT', { ...headers, 'Content-Length': 1000 });
    request.on('error', () => undefined);
    await new Promise((resolve) => request.write(Buffer.alloc(500), resolve));
    request.destroy();
    t.is(await store().head(key), null);
    t.true(isStored(await put(store(), key, Buffer.alloc(1000))));
  });

  test(`${name}: the same bytes again are welcome, other bytes never replace an object`, async (t) => {
    const key = newKey();
    t.true(isStored(await put(store(), key, Buffer.from('first'))));
    const before = await requireObject(store(), key);
    const again = await put(store(), key, Buffer.from('first'));
    t.true(backend().unbound.has('same-bytes') ? isConflict(again, backend()) : isStored(again), String(again));
    t.true(isConflict(await put(store(), key, Buffer.from('other')), backend()));
    t.deepEqual(await requireObject(store(), key), before);
    t.is(await (await download(store(), key)).text(), 'first');
  });

  test(`${name}: of uploads to one key at the same time one wins whole`, async (t) => {
    const key = newKey();
    const bodies = Array.from({ length: 8 }, (_, index) => Buffer.alloc(50_000, index));
    const statuses = await Promise.all(bodies.map((body) => put(store(), key, body)));
    t.is(statuses.filter(isStored).length, 1, statuses.join());
    t.is(statuses.filter((status) => isConflict(status, backend())).length, 7, statuses.join());
    const winner = bodies[statuses.findIndex(isStored)]!;
    t.deepEqual(Buffer.from(await (await download(store(), key)).arrayBuffer()), winner);
  });

  test(`${name}: keys are told apart whatever they hold`, async (t) => {
    const stem = randomUUID();
    const keys = [
      `${stem}/ü ✓ ?#%2F&=+`,
      `${stem}/../${stem}`,
      `../../../${stem}`,
      `/${stem}`,
      `${stem}/`,
      `${stem}\\..\\x`,
      `${stem}/${'x'.repeat(300)}`,
    ];
    for (const key of keys) t.true(isStored(await put(store(), key, Buffer.from(key))), key);
    for (const key of keys) t.is(await (await download(store(), key)).text(), key);
    await store().deleteObjects(keys);
  });
}

function urls(test: TestFn, name: string, backend: () => ConformanceBackend): void {
  const store = (): ObjectStore => backend().store;
  const bytes = Buffer.from('some bytes');

  test(`${name}: a URL serves one method only`, async (t) => {
    const key = newKey();
    const upload = await presignPut(store(), key, exactly(bytes));
    for (const method of ['GET', 'HEAD', 'DELETE', 'POST']) t.true(await isRefused(upload.url, method), method);
    t.true(isStored((await send(upload.url, 'PUT', { headers: upload.headers, body: bytes })).status));
    const { url } = await presignGet(store(), key);
    for (const method of ['PUT', 'DELETE', 'POST']) t.true(await isRefused(url, method), method);
    t.is((await send(url, 'HEAD')).status, backend().unbound.has('head') ? 403 : 200);
  });

  test(`${name}: a URL serves one key only`, async (t) => {
    const [mine, other] = [newKey(), newKey()];
    await put(store(), other, bytes);
    const { url } = await presignGet(store(), mine);
    t.true(await isRefused(withPathOf(url, (await presignGet(store(), other)).url), 'GET'));
    const free = newKey();
    const [mineUp, freeUp] = [await presignPut(store(), mine, exactly(bytes)), await presignPut(store(), free, exactly(bytes))];
    t.true(await isRefused(withPathOf(mineUp.url, freeUp.url), 'PUT'));
    t.is(await store().head(free), null);
  });

  test(`${name}: a URL ends`, async (t) => {
    const key = newKey();
    await put(store(), key, bytes);
    const past = new Date(Date.now() - 2000);
    const get = await store().presignGet({ key, filename: 'a', contentType: 'text/plain', expiresAt: past });
    t.true([400, 403].includes((await send(get.url, 'GET')).status));
    const upload = await store().presignPut({ key: newKey(), expected: exactly(bytes), contentType: 'text/plain', expiresAt: past });
    t.true(await isRefused(upload.url, 'PUT'));
  });

  test(`${name}: a URL with any parameter changed, added or left out is refused`, async (t) => {
    const key = newKey();
    await put(store(), key, bytes);
    const { url } = await presignGet(store(), key);
    const [base, query] = url.split('?') as [string, string];
    const parameters = [...new URLSearchParams(query)];
    t.true(parameters.length >= 3);
    for (const [changed, value] of parameters) {
      const next = new URLSearchParams(query);
      next.set(changed, value.startsWith('1') ? `2${value.slice(1)}` : `1${value.slice(1)}`);
      t.true(await isRefused(`${base}?${next.toString()}`, 'GET'), `${changed} changed`);
      next.delete(changed);
      t.true(await isRefused(`${base}?${next.toString()}`, 'GET'), `${changed} left out`);
    }
    t.true(await isRefused(base, 'GET'), 'no query');
    t.is((await send(url, 'GET')).status, 200);
  });
}

function downloads(test: TestFn, name: string, backend: () => ConformanceBackend): void {
  const store = (): ObjectStore => backend().store;
  test(`${name}: a missing object is 404`, async (t) => {
    const response = await download(store(), newKey());
    await response.body?.cancel();
    t.is(response.status, 404);
  });

  test(`${name}: a range is answered with that range`, async (t) => {
    const key = newKey();
    await put(store(), key, Buffer.from('0123456789'));
    const { url } = await presignGet(store(), key);
    const cases = [
      ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ] as const;
    for (const [range, status, body, contentRange] of cases) {
      if (range.startsWith('bytes=-') && backend().unbound.has('suffix-range')) continue;
      const answer = await send(url, 'GET', { headers: { Range: range } });
      t.deepEqual([answer.status, answer.body, answer.headers['content-range']], [status, body, contentRange], range);
    }
    t.is((await send(url, 'GET', { headers: { Range: 'bytes=11-' } })).status, 416);
  });

  test(`${name}: an ETag that the client has is answered 304`, async (t) => {
    const key = newKey();
    await put(store(), key, Buffer.from('body'));
    const { url } = await presignGet(store(), key);
    const { headers } = await send(url, 'GET');
    t.truthy(headers.etag);
    const again = await send(url, 'GET', { headers: { 'If-None-Match': headers.etag } });
    t.deepEqual([again.status, again.body], [304, '']);
    t.is((await send(url, 'GET', { headers: { 'If-None-Match': '"other"' } })).status, 200);
  });

  const filenames = [
    'plain.zip',
    'ünïcode ✓.zip',
    '../../etc/passwd',
    'a"; filename="b.exe',
    'line\r\nSet-Cookie: x=y',
    '',
    '\ud800 lone',
    '‮gnp.exe',
    "it's (1).txt",
  ];
  for (const filename of filenames) {
    test(`${name}: the file name ${JSON.stringify(filename)} makes one harmless header`, async (t) => {
      const key = newKey();
      await put(store(), key, Buffer.from('x'));
      const { url } = await store().presignGet({ key, filename, contentType: 'application/zip', expiresAt: soon() });
      const { status, headers } = await send(url, 'GET');
      t.is(status, 200);
      t.is(headers['content-type'], 'application/zip');
      t.is(headers['set-cookie'], undefined);
      t.regex(headers['content-disposition']!, /^attachment; filename="[^"\\/\r\n]+"; filename\*=UTF-8''[\w.~!#$&+^`|%-]+$/);
      t.notRegex(decodeURIComponent(headers['content-disposition']!.split("''")[1]!), /[/\\\p{Cc}\u202e]|^\./u);
    });
  }
}

function deletionAndListing(test: TestFn, name: string, store: () => ObjectStore): void {
  test(`${name}: deletes many, and those that are gone already`, async (t) => {
    const keys = Array.from({ length: 25 }, newKey);
    for (const key of keys) await put(store(), key, Buffer.from(key));
    await store().deleteObjects([...keys.slice(0, 20), newKey()]);
    await store().deleteObjects(keys.slice(0, 20));
    const left = await Promise.all(keys.map((key) => store().head(key)));
    t.deepEqual(
      left.map((info) => info?.key ?? null),
      [...Array<null>(20).fill(null), ...keys.slice(20)],
    );
    await store().deleteObjects([]);
  });

  test(`${name}: a deleted object can be uploaded again with other bytes`, async (t) => {
    const key = newKey();
    await put(store(), key, Buffer.from('first'));
    await store().deleteObjects([key]);
    t.is((await download(store(), key)).status, 404);
    t.true(isStored(await put(store(), key, Buffer.from('second'))));
  });

  test(`${name}: lists every object with its age`, async (t) => {
    const before = Date.now() - 2000;
    const keys = Array.from({ length: 5 }, newKey);
    for (const key of keys) await put(store(), key, Buffer.from('x'));
    const listed = new Map<string, Date>();
    for await (const { key, createdAt } of store().list(new AbortController().signal)) listed.set(key, createdAt);
    for (const key of keys) t.true(listed.get(key)!.getTime() >= before && listed.get(key)!.getTime() <= Date.now() + 2000);
  });

  test(`${name}: a listing stops when it is aborted`, async (t) => {
    await put(store(), newKey(), Buffer.from('x'));
    const listing = store().list(AbortSignal.abort());
    await t.throwsAsync(async () => {
      for await (const { key } of listing) t.fail(key);
    });
  });

  test(`${name}: says that it can take an upload`, async (t) => {
    await t.notThrowsAsync(store().check());
  });
}

function multipart(test: TestFn, name: string, backend: () => ConformanceBackend): void {
  const store = (): ObjectStore => backend().store;
  const unknown: ExpectedBytes = { sizeBytes: null, maxBytes: 1024 ** 3, sha256: null };

  test(`${name}: parts in any order make one object, ranges included`, async (t) => {
    const key = newKey();
    const size = backend().minPartBytes;
    const chunks = [randomBytes(size), randomBytes(size), randomBytes(10)];
    const whole = Buffer.concat(chunks);
    const uploadId = await store().initiateMultipart(key);
    const etags = new Map<number, string>();
    for (const partNumber of [3, 1, 2]) etags.set(partNumber, await putPart(store(), key, uploadId, partNumber, chunks[partNumber - 1]!));
    t.is(await store().head(key), null, 'nothing is there before it is complete');
    const parts = [2, 3, 1].map((partNumber) => ({ partNumber, etag: etags.get(partNumber)! }));
    const info = await store().completeMultipart(key, uploadId, parts, exactly(whole));
    t.is(info.sizeBytes, whole.length);
    t.is(info.sha256, sha256(whole));
    const { url } = await presignGet(store(), key);
    t.is(sha256(Buffer.from(await (await fetch(url)).arrayBuffer())), sha256(whole));
    const middle = await fetch(url, { headers: { Range: `bytes=${size - 2}-${2 * size + 1}` } });
    t.deepEqual(Buffer.from(await middle.arrayBuffer()), whole.subarray(size - 2, 2 * size + 2));
    t.deepEqual(await store().completeMultipart(key, uploadId, parts, exactly(whole)), info, 'completing again answers the same');
  });

  test(`${name}: a part that comes again replaces the first`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    const first = await putPart(store(), key, uploadId, 1, Buffer.from('first'));
    const second = await putPart(store(), key, uploadId, 1, Buffer.from('second'));
    if (!backend().unbound.has('part-etag')) {
      const stale = await t.throwsAsync<ObjectStoreError>(
        store().completeMultipart(key, uploadId, [{ partNumber: 1, etag: first }], unknown),
        { instanceOf: ObjectStoreError },
      );
      t.is(stale.code, 'invalid_part');
    }
    await store().completeMultipart(key, uploadId, [{ partNumber: 1, etag: second }], unknown);
    t.is(await (await download(store(), key)).text(), 'second');
  });

  test(`${name}: a wrong completion is refused and the upload goes on`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    const etag = await putPart(store(), key, uploadId, 1, Buffer.from('part'));
    const named = { partNumber: 1, etag };
    const refused = async (parts: readonly { partNumber: number; etag: string }[], expected: ExpectedBytes): Promise<string> =>
      (await t.throwsAsync<ObjectStoreError>(store().completeMultipart(key, uploadId, parts, expected), { instanceOf: ObjectStoreError }))
        .code;
    t.is(await refused([], unknown), 'invalid_part');
    t.is(await refused([named, named], unknown), 'invalid_part');
    t.is(await refused([named, { partNumber: 2, etag }], unknown), 'invalid_part');
    t.is(await refused([named], { ...unknown, sizeBytes: 5 }), 'size_mismatch');
    t.is(await refused([named], { ...unknown, maxBytes: 3 }), 'too_large');
    t.is(await store().head(key), null);
    if (!backend().unbound.has('late-checksum')) {
      t.is(await refused([named], { ...unknown, sha256: sha256(Buffer.from('other')) }), 'checksum_mismatch');
      t.is(await store().head(key), null);
    }
    t.is((await store().completeMultipart(key, uploadId, [named], exactly(Buffer.from('part')))).sizeBytes, 4);
  });

  test(`${name}: a completion with another SHA-256 than declared leaves nothing`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    const parts = [{ partNumber: 1, etag: await putPart(store(), key, uploadId, 1, Buffer.from('part')) }];
    const error = await t.throwsAsync<ObjectStoreError>(store().completeMultipart(key, uploadId, parts, exactly(Buffer.from('trap'))), {
      instanceOf: ObjectStoreError,
    });
    t.is(error.code, 'checksum_mismatch');
    t.is(await store().head(key), null);
  });

  test(`${name}: an upload in parts never replaces an object`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    const parts = [{ partNumber: 1, etag: await putPart(store(), key, uploadId, 1, Buffer.from('part')) }];
    await put(store(), key, Buffer.from('first'));
    const error = await t.throwsAsync<ObjectStoreError>(store().completeMultipart(key, uploadId, parts, unknown), {
      instanceOf: ObjectStoreError,
    });
    t.is(error.code, 'conflict');
    t.is(await (await download(store(), key)).text(), 'first');
  });

  test(`${name}: an aborted upload takes no part and completes never`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    const etag = await putPart(store(), key, uploadId, 1, Buffer.from('part'));
    await store().abortMultipart(key, uploadId);
    await store().abortMultipart(key, uploadId);
    await sendLatePart(t, backend(), key, uploadId, 2);
    for (const parts of [[{ partNumber: 1, etag }], [{ partNumber: 2, etag }]]) {
      const gone = await t.throwsAsync<ObjectStoreError>(store().completeMultipart(key, uploadId, parts, unknown), {
        instanceOf: ObjectStoreError,
      });
      t.is(gone.code, 'upload_not_found');
    }
    t.is(await store().head(key), null);
  });

  test(`${name}: an upload id opens the upload of its own key only`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    const etag = await putPart(store(), key, uploadId, 1, Buffer.from('part'));
    const parts = [{ partNumber: 1, etag }];
    for (const [otherKey, id] of [
      [newKey(), uploadId],
      [key, randomUUID()],
      [key, '../../objects'],
      [key, ''],
    ] as const) {
      const error = await t.throwsAsync<ObjectStoreError>(store().completeMultipart(otherKey, id, parts, unknown), {
        instanceOf: ObjectStoreError,
      });
      t.is(error.code, 'upload_not_found');
      await store().abortMultipart(otherKey, id);
    }
    t.is((await store().completeMultipart(key, uploadId, parts, unknown)).sizeBytes, 4);
  });

  test(`${name}: part numbers go from 1 to ${maxPartNumber}`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    for (const partNumber of [0, -1, 1.5, maxPartNumber + 1])
      await t.throwsAsync(partUrl(store(), key, uploadId, partNumber), { instanceOf: ObjectStoreError });
    await putPart(store(), key, uploadId, maxPartNumber, Buffer.from('last'));
  });

  test.serial(`${name}: a large upload in parts is never held as a whole`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    const block = randomBytes(mebibyte);
    const hash = createHash('sha256');
    const parts: CompletedPart[] = [];
    const idle = bytesInUse();
    let peak = idle;
    const sampler = setInterval(() => (peak = Math.max(peak, bytesInUse())), 500);
    t.teardown(() => clearInterval(sampler));
    const startedAt = performance.now();
    const count = Math.ceil(largeMebibytes / partMebibytes);
    for (let partNumber = 1; partNumber <= count; partNumber += 1) {
      // Told apart by where they begin in the block.
      const pieces = Array.from({ length: partMebibytes }, () => [block.subarray(partNumber), block.subarray(0, partNumber)]).flat();
      for (const piece of pieces) hash.update(piece);
      const { request, answer } = openRequest(await partUrl(store(), key, uploadId, partNumber), 'PUT', {
        'Content-Length': partMebibytes * mebibyte,
      });
      await pipeline(Readable.from(pieces), request);
      const { status, headers } = await answer;
      t.true(isStored(status), String(status));
      parts.push({ partNumber, etag: headers.etag ?? '' });
    }
    const uploadedAt = performance.now();
    const sizeBytes = count * partMebibytes * mebibyte;
    const expected = { sizeBytes, maxBytes: sizeBytes, sha256: hash.digest('hex') };
    t.is((await store().completeMultipart(key, uploadId, parts, expected)).sizeBytes, sizeBytes);
    const [upload, completion] = [uploadedAt - startedAt, performance.now() - uploadedAt].map((ms) => `${(ms / 1000).toFixed(1)} s`);
    const heldMebibytes = Math.round((peak - idle) / mebibyte);
    t.log(`${count} parts of ${partMebibytes} MiB: uploaded in ${upload}, completed in ${completion}, ${heldMebibytes} MiB held at most`);
    t.true(heldMebibytes < maxHeldMebibytes, `${heldMebibytes} MiB were held`);
    await store().deleteObjects([key]);
  });

  // Before the others: it collects every upload that is at work.
  test.serial(`${name}: a multipart upload that was given up is collected`, async (t) => {
    const key = newKey();
    const uploadId = await store().initiateMultipart(key);
    await putPart(store(), key, uploadId, 1, Buffer.from('part'));
    const { signal } = new AbortController();
    const longAgo = new Date(0);
    await store().collectAbandoned({ transfersBefore: longAgo, multipartBefore: longAgo }, signal);
    await putPart(store(), key, uploadId, 2, Buffer.from('still there'));
    await eventually(async () => (await store().collectAbandoned({ transfersBefore: longAgo, multipartBefore: new Date() }, signal)) >= 1);
    await sendLatePart(t, backend(), key, uploadId, 3);
    if (backend().unbound.has('ended-upload'))
      await eventually(
        async () => (await store().collectAbandoned({ transfersBefore: longAgo, multipartBefore: new Date() }, signal)) === 1,
      );
    const gone = await t.throwsAsync<ObjectStoreError>(store().completeMultipart(key, uploadId, [{ partNumber: 3, etag: '' }], unknown), {
      instanceOf: ObjectStoreError,
    });
    t.is(gone.code, 'upload_not_found');
  });
}

/** Of buffers, once garbage is collected: the second time waits for what the first has found. */
function bytesInUse(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

function newKey(): string {
  return `conformance/${randomUUID()}`;
}

function soon(): Date {
  return new Date(Date.now() + 60_000);
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function exactly(bytes: Buffer): ExpectedBytes {
  return { sizeBytes: bytes.length, maxBytes: 1024 ** 3, sha256: sha256(bytes) };
}

function presignPut(store: ObjectStore, key: string, expected: ExpectedBytes) {
  return store.presignPut({ key, expected, contentType: 'application/octet-stream', expiresAt: soon() });
}

function presignGet(store: ObjectStore, key: string) {
  return store.presignGet({ key, filename: 'file.bin', contentType: 'application/octet-stream', expiresAt: soon() });
}

/** Azure creates. */
function isStored(status: number): boolean {
  return status === 200 || status === 201;
}

/** As a precondition of HTTP it is 412. */
function isConflict(status: number, { unbound }: ConformanceBackend): boolean {
  return status === 409 || status === 412 || (status === 403 && unbound.has('forbidden'));
}

function withPathOf(url: string, other: string): string {
  return `${other.split('?')[0]}?${url.split('?')[1]}`;
}

/** Answers the status. */
async function put(store: ObjectStore, key: string, bytes: Buffer): Promise<number> {
  const { url, headers } = await presignPut(store, key, exactly(bytes));
  return (await send(url, 'PUT', { headers, body: bytes })).status;
}

async function download(store: ObjectStore, key: string): Promise<Response> {
  return fetch((await presignGet(store, key)).url);
}

async function requireObject(store: ObjectStore, key: string): Promise<ObjectInfo> {
  const info = await store.head(key);
  if (info === null) throw new Error(`there is no object ${key}`);
  return info;
}

async function partUrl(store: ObjectStore, key: string, uploadId: string, partNumber: number): Promise<string> {
  return (await store.presignPart({ key, uploadId, partNumber, maxBytes: 10 * 1024 ** 3, expiresAt: soon() })).url;
}

/** Answers the ETag. */
async function putPart(store: ObjectStore, key: string, uploadId: string, partNumber: number, bytes: Buffer): Promise<string> {
  const { status, headers } = await send(await partUrl(store, key, uploadId, partNumber), 'PUT', { body: bytes });
  if (!isStored(status)) throw new Error(`the part was answered with ${status}`);
  return headers.etag ?? '';
}

/** A part of an upload that is over. */
async function sendLatePart(
  t: ExecutionContext,
  { store, unbound }: ConformanceBackend,
  key: string,
  uploadId: string,
  partNumber: number,
): Promise<void> {
  const { status } = await send(await partUrl(store, key, uploadId, partNumber), 'PUT', { body: 'x' });
  t.true(unbound.has('ended-upload') ? isStored(status) : status === 404, String(status));
}

async function isRefused(url: string, method: string): Promise<boolean> {
  return (await send(url, method, method === 'PUT' ? { body: 'some bytes' } : {})).status >= 400;
}

/** Whatever length the headers name is left out. */
async function sendChunked(url: string, headers: Readonly<Record<string, string>>, chunks: readonly Buffer[]): Promise<number> {
  const { 'Content-Length': _, ...others } = headers;
  const { request, answer } = openRequest(url, 'PUT', { ...others, 'Transfer-Encoding': 'chunked' });
  for (const chunk of chunks) request.write(chunk);
  request.end();
  return (await answer).status;
}
