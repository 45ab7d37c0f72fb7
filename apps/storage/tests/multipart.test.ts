import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { storage } from '@cloudscan/contracts';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { aRequest, download, failureOf, filesIn, getArtifact, maxUploadBytes, put, sha256, startStorage } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

const file = testFile(test);
let service: TestStorage;
test.before(async () => {
  service = await startStorage(file);
});

async function begin(overrides: Parameters<typeof aRequest>[0] = {}): Promise<{ readonly artifactId: string; readonly uploadId: string }> {
  const { artifact } = await service.rpc.call('createArtifact', aRequest(overrides));
  const { uploadId } = await service.rpc.call('initiateMultipartUpload', { artifactId: artifact!.id });
  return { artifactId: artifact!.id, uploadId };
}

/** Uploads each text as a part; answers what CompleteMultipartUpload wants. */
async function putParts(upload: { readonly artifactId: string; readonly uploadId: string }, texts: readonly string[]) {
  const { parts } = await service.rpc.call('getMultipartUploadParts', { ...upload, fromPart: 1, numParts: texts.length });
  const answers = await Promise.all(parts.map(({ url }, index) => put(url, texts[index]!)));
  return parts.map(({ partNumber }, index) => ({ partNumber, etag: answers[index]!.headers.get('etag') ?? '' }));
}

test('an artifact comes in parts', async (t) => {
  const { rpc, clock } = service;
  const upload = await begin({ sizeBytes: 11n, sha256: sha256('hello world') });
  const { parts: presigned } = await rpc.call('getMultipartUploadParts', { ...upload, fromPart: 2, numParts: 3 });
  t.deepEqual(
    presigned.map(({ partNumber }) => partNumber),
    [2, 3, 4],
  );
  for (const { expiration } of presigned) t.true(new Date(expiration) > clock.now());
  const parts = await putParts(upload, ['hello', ' ', 'world']);
  const completed = await rpc.call('completeMultipartUpload', { ...upload, parts });
  t.true(new Date(completed.expiration) > clock.now());
  t.is(await download(completed.url), 'hello world');
  const { artifact } = await getArtifact(rpc, upload.artifactId);
  t.is(artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_AVAILABLE);
  t.is(artifact!.sizeBytes, 11n);
  const again = await rpc.call('completeMultipartUpload', { ...upload, parts });
  t.is(await download(again.url), 'hello world');
});

test('initiating again gives the same upload, also at the same time', async (t) => {
  const { rpc, files } = service;
  const { artifact } = await rpc.call('createArtifact', aRequest());
  const answers = await Promise.all(Array.from({ length: 5 }, () => rpc.call('initiateMultipartUpload', { artifactId: artifact!.id })));
  t.is(new Set(answers.map(({ uploadId }) => uploadId)).size, 1);
  t.true(filesIn(files).others.includes(`multipart/${answers[0]!.uploadId}`));
});

test('an aborted upload is gone, aborting again is fine, and another can begin', async (t) => {
  const { rpc } = service;
  const upload = await begin();
  const parts = await putParts(upload, ['part']);
  await rpc.call('abortMultipartUpload', upload);
  await rpc.call('abortMultipartUpload', upload);
  t.is((await failureOf(rpc.call('completeMultipartUpload', { ...upload, parts }))).code, 'not_found');
  t.is((await failureOf(rpc.call('getMultipartUploadParts', { ...upload, fromPart: 1, numParts: 1 }))).code, 'not_found');
  const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId: upload.artifactId });
  t.not(uploadId, upload.uploadId);
});

test('a wrong completion says what is wrong, and the upload goes on until its bytes have the wrong SHA-256', async (t) => {
  const { rpc } = service;
  const upload = await begin({ sizeBytes: 4n, sha256: sha256('part') });
  const complete = (some: Awaited<ReturnType<typeof putParts>>) => rpc.call('completeMultipartUpload', { ...upload, parts: some });
  const stale = await failureOf(complete([{ partNumber: 1, etag: '"stale"' }]));
  t.deepEqual([stale.code, stale.violations[0]?.field], ['invalid_argument', 'parts']);
  const less = await putParts(upload, ['par']);
  t.is((await failureOf(complete(less))).code, 'failed_precondition');
  const other = await putParts(upload, ['PART']);
  t.is((await failureOf(complete(other))).code, 'failed_precondition');
  t.is((await failureOf(complete(other))).code, 'not_found', 'the upload is over');
  const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId: upload.artifactId });
  t.not(uploadId, upload.uploadId);
  const again = { ...upload, uploadId };
  const right = await putParts(again, ['part']);
  t.is(await download((await rpc.call('completeMultipartUpload', { ...again, parts: right })).url), 'part');
});

test('an upload that the store has forgotten is over, and another one can begin', async (t) => {
  const { rpc, files } = service;
  const upload = await begin();
  const parts = await putParts(upload, ['part']);
  rmSync(join(files.dataDir, 'multipart', upload.uploadId), { recursive: true });
  t.is((await failureOf(rpc.call('completeMultipartUpload', { ...upload, parts }))).code, 'not_found');
  const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId: upload.artifactId });
  t.not(uploadId, upload.uploadId);
  const again = { ...upload, uploadId };
  const url = (await rpc.call('completeMultipartUpload', { ...again, parts: await putParts(again, ['again']) })).url;
  t.is(await download(url), 'again');
});

test('parts stay below the declared size', async (t) => {
  const upload = await begin({ sizeBytes: 4n });
  const { parts } = await service.rpc.call('getMultipartUploadParts', { ...upload, fromPart: 1, numParts: 1 });
  t.is((await put(parts[0]!.url, '12345')).status, 413);
  const unknown = await begin();
  const { parts: limited } = await service.rpc.call('getMultipartUploadParts', { ...unknown, fromPart: 1, numParts: 1 });
  t.is((await put(limited[0]!.url, 'x'.repeat(maxUploadBytes + 1))).status, 413);
});

test('an artifact that was uploaded begins no upload in parts, and one that was completed cannot be aborted', async (t) => {
  const { rpc } = service;
  const { artifact, uploadUrl } = await rpc.call('createArtifact', aRequest());
  await put(uploadUrl, 'whole');
  t.is((await failureOf(rpc.call('initiateMultipartUpload', { artifactId: artifact!.id }))).code, 'failed_precondition');
  const upload = await begin();
  await rpc.call('completeMultipartUpload', { ...upload, parts: await putParts(upload, ['part']) });
  t.is((await failureOf(rpc.call('abortMultipartUpload', upload))).code, 'failed_precondition');
  t.is((await failureOf(rpc.call('getMultipartUploadParts', { ...upload, fromPart: 1, numParts: 1 }))).code, 'failed_precondition');
});

test('deleting an artifact takes its parts with it', async (t) => {
  const { rpc, files } = service;
  const upload = await begin();
  await putParts(upload, ['part']);
  await rpc.call('deleteArtifact', { id: upload.artifactId, organizationId: '' });
  t.false(filesIn(files).others.includes(`multipart/${upload.uploadId}`));
});

test('wrong fields are named', async (t) => {
  const { rpc } = service;
  const upload = await begin();
  const part = { partNumber: 1, etag: 'x' };
  const cases: readonly (readonly [field: string, call: Promise<unknown>])[] = [
    ['artifact_id', rpc.call('initiateMultipartUpload', { artifactId: '' })],
    ['artifact_id', rpc.call('getMultipartUploadParts', { ...upload, artifactId: 'x', fromPart: 1, numParts: 1 })],
    ['upload_id', rpc.call('getMultipartUploadParts', { ...upload, uploadId: '', fromPart: 1, numParts: 1 })],
    ['from_part', rpc.call('getMultipartUploadParts', { ...upload, fromPart: 0, numParts: 1 })],
    ['from_part', rpc.call('getMultipartUploadParts', { ...upload, fromPart: 10_001, numParts: 1 })],
    ['num_parts', rpc.call('getMultipartUploadParts', { ...upload, fromPart: 1, numParts: 0 })],
    ['num_parts', rpc.call('getMultipartUploadParts', { ...upload, fromPart: 1, numParts: 1001 })],
    ['num_parts', rpc.call('getMultipartUploadParts', { ...upload, fromPart: 10_000, numParts: 2 })],
    ['artifact_id', rpc.call('completeMultipartUpload', { ...upload, artifactId: '', parts: [part] })],
    ['upload_id', rpc.call('completeMultipartUpload', { ...upload, uploadId: '', parts: [part] })],
    ['parts', rpc.call('completeMultipartUpload', { ...upload, parts: [] })],
    ['parts[1].part_number', rpc.call('completeMultipartUpload', { ...upload, parts: [part, { partNumber: 0, etag: 'x' }] })],
    ['parts[0].etag', rpc.call('completeMultipartUpload', { ...upload, parts: [{ partNumber: 1, etag: 'x'.repeat(256) }] })],
    ['parts', rpc.call('completeMultipartUpload', { ...upload, parts: [{ partNumber: 1, etag: '' }] })],
    ['artifact_id', rpc.call('abortMultipartUpload', { ...upload, artifactId: 'x' })],
    ['upload_id', rpc.call('abortMultipartUpload', { ...upload, uploadId: '' })],
  ];
  for (const [field, call] of cases) {
    const error = await failureOf(call);
    t.deepEqual([error.code, error.violations[0]?.field], ['invalid_argument', field]);
  }
});

test('an unknown artifact or upload is not found', async (t) => {
  const { rpc } = service;
  const upload = await begin();
  const foreign = await begin();
  const parts = [{ partNumber: 1, etag: 'x' }];
  const calls: readonly Promise<unknown>[] = [
    rpc.call('initiateMultipartUpload', { artifactId: newId() }),
    rpc.call('getMultipartUploadParts', { ...upload, artifactId: newId(), fromPart: 1, numParts: 1 }),
    rpc.call('getMultipartUploadParts', { ...upload, uploadId: foreign.uploadId, fromPart: 1, numParts: 1 }),
    rpc.call('completeMultipartUpload', { ...upload, uploadId: foreign.uploadId, parts }),
    rpc.call('completeMultipartUpload', { ...upload, uploadId: '../../objects', parts }),
    rpc.call('abortMultipartUpload', { ...upload, artifactId: newId() }),
  ];
  for (const call of calls) t.is((await failureOf(call)).code, 'not_found');
});
