import { storage } from '@cloudscan/contracts';
import { Secret } from '@cloudscan/config';
import { requires, startMinio, testFile } from '@cloudscan/testing';
import test from 'ava';
import { aRequest, download, failureOf, getArtifact, put, sha256, startStorage, upload } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

const withMinio = requires(test, 'minio');
const file = testFile(test);
const bucket = 'artifacts';
let service: TestStorage;
withMinio.before(async () => {
  const { endpoint, region, accessKeyId, secretAccessKey } = await startMinio(file, { bucket });
  service = await startStorage(file, {
    ...{ kind: 's3', bucket, region, endpoint, publicEndpoint: endpoint, forcePathStyle: true },
    ...{ serverSideEncryption: null, kmsKeyId: null },
    credentials: { accessKeyId, secretAccessKey: new Secret(secretAccessKey) },
  });
});

withMinio('an artifact is uploaded to the bucket, and is available once it was seen', async (t) => {
  const { rpc, app } = service;
  t.is(app.httpPort, null, 'no bytes come here');
  const request = aRequest({ sizeBytes: 7n, sha256: sha256('content'), filename: 'ü.zip', contentType: 'application/zip' });
  const { artifact, uploadUrl, uploadHeaders } = await rpc.call('createArtifact', request);
  t.is((await put(uploadUrl, 'content', uploadHeaders)).status, 200);
  const after = await getArtifact(rpc, artifact!.id);
  t.is(after.artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_AVAILABLE);
  t.is(after.artifact!.sha256, sha256('content'));
  t.is(await download(after.downloadUrl), 'content');
});

withMinio('other bytes than declared do not get in, and the right ones do afterwards', async (t) => {
  const { rpc } = service;
  const { artifact, uploadUrl, uploadHeaders } = await rpc.call('createArtifact', aRequest({ sizeBytes: 7n, sha256: sha256('content') }));
  t.true((await put(uploadUrl, 'CONTENT', uploadHeaders)).status >= 400);
  t.true((await put(uploadUrl, 'too long', { ...uploadHeaders, 'Content-Length': '8' })).status >= 400);
  t.is((await getArtifact(rpc, artifact!.id)).artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_CREATED);
  t.is((await put(uploadUrl, 'content', uploadHeaders)).status, 200);
});

withMinio('an upload that the store could not check is checked before the artifact is available', async (t) => {
  const { rpc } = service;
  const declared = { sizeBytes: 0n, sha256: sha256('declared') };
  const { artifact } = await rpc.call('createArtifact', aRequest(declared));
  const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId: artifact!.id });
  const { parts } = await rpc.call('getMultipartUploadParts', { artifactId: artifact!.id, uploadId, fromPart: 1, numParts: 1 });
  const response = await put(parts[0]!.url, 'other');
  const part = { partNumber: 1, etag: response.headers.get('etag')! };
  const error = await failureOf(rpc.call('completeMultipartUpload', { artifactId: artifact!.id, uploadId, parts: [part] }));
  t.is(error.code, 'failed_precondition');
  t.not((await getArtifact(rpc, artifact!.id)).artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_AVAILABLE);
});

withMinio('what was deleted is gone from the bucket, and the collector takes what no row knows', async (t) => {
  const { rpc, app, database } = service;
  const [deleted, forgotten] = [await upload(rpc, 'deleted'), await upload(rpc, 'forgotten')];
  const url = (await getArtifact(rpc, forgotten)).downloadUrl;
  t.is(await download(url), 'forgotten');
  t.is((await rpc.call('deleteArtifacts', { ids: [deleted], organizationId: '' })).deletedCount, 1);
  t.is((await failureOf(getArtifact(rpc, deleted))).code, 'not_found');
  await database.query('DELETE FROM storage.artifacts WHERE id = $1', [forgotten]);
  service.clock.advance(2 * 3_600_000);
  t.true((await app.collector.runOnce(new AbortController().signal))!.orphans >= 1);
  t.is((await fetch(url)).status, 404);
});
