import { storage } from '@cloudscan/contracts';
import { testFile } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import type { TestFn } from 'ava';
import type { BackendConfig } from '../../src/backend-config.ts';
import { aRequest, download, failureOf, getArtifact, put, sha256, startStorage, upload } from './storage.ts';
import type { Rpc, TestStorage } from './storage.ts';

const { ARTIFACT_STATUS_AVAILABLE: available, ARTIFACT_STATUS_CREATED: created } = storage.ArtifactStatus;

async function statusOf(rpc: Rpc, id: string): Promise<storage.ArtifactStatus> {
  return (await getArtifact(rpc, id)).artifact!.status;
}

/**
 * What the service does over a store that clients reach themselves, the same for each. Stores differ in what their URLs
 * hold to; what the service hands out does not.
 *
 * @param start starts the store, with an empty bucket
 */
export function cloudBackendTests(test: TestFn, start: (t: Teardown) => Promise<BackendConfig>): void {
  const file = testFile(test);
  let service: TestStorage;
  test.before(async () => {
    service = await startStorage(file, { backend: await start(file) });
  });

  test('an artifact is uploaded to the store, and is available once it was seen', async (t) => {
    const { rpc, app } = service;
    t.is(app.httpPort, null, 'no bytes come here');
    const request = aRequest({ sizeBytes: 7n, sha256: sha256('content'), filename: 'ü.zip', contentType: 'application/zip' });
    const { artifact, uploadUrl, uploadHeaders } = await rpc.call('createArtifact', request);
    t.true((await put(uploadUrl, 'content', uploadHeaders)).ok);
    const after = await getArtifact(rpc, artifact!.id);
    t.is(after.artifact!.status, available);
    t.is(after.artifact!.sha256, sha256('content'));
    t.is(await download(after.downloadUrl), 'content');
  });

  test('other bytes than declared are refused by the store or by the service, and the right ones get in afterwards', async (t) => {
    const { rpc } = service;
    const { artifact, uploadUrl, uploadHeaders } = await rpc.call('createArtifact', aRequest({ sizeBytes: 7n, sha256: sha256('content') }));
    for (const wrong of ['CONTENT', 'too long']) {
      const headers = 'Content-Length' in uploadHeaders ? { ...uploadHeaders, 'Content-Length': String(wrong.length) } : uploadHeaders;
      if ((await put(uploadUrl, wrong, headers)).ok) {
        t.is((await failureOf(getArtifact(rpc, artifact!.id))).code, 'failed_precondition');
      }
      t.is(await statusOf(rpc, artifact!.id), created, wrong);
    }
    t.true((await put(uploadUrl, 'content', uploadHeaders)).ok);
    t.is(await statusOf(rpc, artifact!.id), available);
  });

  test('an upload in parts whose SHA-256 is wrong is over, and another one brings the right bytes', async (t) => {
    const { rpc } = service;
    const { artifact } = await rpc.call('createArtifact', aRequest({ sizeBytes: 7n, sha256: sha256('content') }));
    const artifactId = artifact!.id;
    const complete = async (text: string): Promise<storage.CompleteMultipartResponse> => {
      const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId });
      const { parts } = await rpc.call('getMultipartUploadParts', { artifactId, uploadId, fromPart: 1, numParts: 1 });
      const response = await put(parts[0]!.url, text);
      t.true(response.ok);
      const part = { partNumber: 1, etag: response.headers.get('etag') ?? '' };
      return rpc.call('completeMultipartUpload', { artifactId, uploadId, parts: [part] });
    };
    t.is((await failureOf(complete('CONTENT'))).code, 'failed_precondition');
    t.is(await statusOf(rpc, artifactId), created);
    t.is(await download((await complete('content')).url), 'content');
    t.is(await statusOf(rpc, artifactId), available);
  });

  test('an upload of a size not declared that is above the quota is removed, and a smaller one gets in', async (t) => {
    const { rpc } = service;
    const request = aRequest({ contentType: 'text/plain' });
    await rpc.call('setQuota', { organizationId: request.organizationId, limits: { bytes: 10n, artifacts: 0n, uploadBytes: 0n } });
    const { artifact, uploadUrl, uploadHeaders } = await rpc.call('createArtifact', request);
    if ((await put(uploadUrl, 'eleven byte', uploadHeaders)).ok) {
      t.is((await failureOf(getArtifact(rpc, artifact!.id))).code, 'resource_exhausted');
    }
    t.is(await statusOf(rpc, artifact!.id), created);
    t.true((await put(uploadUrl, 'ten bytes.', uploadHeaders)).ok);
    t.is(await statusOf(rpc, artifact!.id), available);
  });

  // It moves the clock.
  test.serial('what was deleted is gone from the store, and the collector takes what no row knows', async (t) => {
    const { rpc, app, database, clock } = service;
    const [deleted, forgotten] = [await upload(rpc, 'deleted'), await upload(rpc, 'forgotten')];
    const url = (await getArtifact(rpc, forgotten)).downloadUrl;
    t.is(await download(url), 'forgotten');
    t.is((await rpc.call('deleteArtifacts', { ids: [deleted], organizationId: '' })).deletedCount, 1);
    t.is((await failureOf(getArtifact(rpc, deleted))).code, 'not_found');
    await database.query('DELETE FROM storage.artifacts WHERE id = $1', [forgotten]);
    clock.advance(2 * 3_600_000);
    t.true((await app.collector.runOnce(new AbortController().signal))!.orphans >= 1);
    t.is((await fetch(url)).status, 404);
  });
}
