import { inspect } from 'node:util';
import { scopeOf } from '@cloudscan/auth';
import { GrpcStorageClient } from '@cloudscan/storage-client';
import type { Logger } from '@cloudscan/telemetry';
import { newId } from '@cloudscan/testing';
import test from 'ava';
import { aRequest, download, failureOf, getArtifact, put, startStorage } from './support/storage.ts';

const hourMs = 3_600_000;
const { signal } = new AbortController();

test('a scan that takes 15 hours uploads by a fresh URL when the one from its beginning has ended', async (t) => {
  // Whoever serves the bytes goes by the time of this machine.
  const { app, clock } = await startStorage(t, { startedAt: new Date(Date.now() - 15 * hourMs) });
  const client = new GrpcStorageClient({ host: '127.0.0.1', port: app.grpcPort }, { timeoutMs: 10_000, urlSeconds: 900 });
  t.teardown(() => client.close());
  const scope = scopeOf({ organizationId: newId(), actor: 'test' });
  const results = { scanId: newId(), type: 'scan_results', filename: 'results.sarif', contentType: 'application/json' } as const;
  const { artifact, upload } = await client.createArtifact(scope, { ...results, sizeBytes: 0, sha256: '' });
  t.is(upload.expiresAt.getTime() - clock.now().getTime(), 900_000);
  clock.advance(15 * hourMs);
  await app.collector.runOnce(signal);
  t.is((await put(upload.url, 'results', upload.headers)).status, 403, 'the first URL has ended');
  const later = await client.getArtifact(scope, artifact.id);
  t.is(later!.upload!.expiresAt.getTime() - clock.now().getTime(), 900_000);
  t.is((await put(later!.upload!.url, 'results', later!.upload!.headers)).status, 200);
  const done = await client.getArtifact(scope, artifact.id);
  t.is(done!.download!.expiresAt.getTime() - clock.now().getTime(), 900_000);
  t.is(await download(done!.download!.url), 'results');
});

test('an upload that is asked for in time is waited for, whatever the collector does', async (t) => {
  const { app, rpc, clock } = await startStorage(t, { startedAt: new Date(Date.now() - 24 * hourMs) });
  const { artifact } = await rpc.call('createArtifact', aRequest({ urlSeconds: 60 }));
  clock.advance(24 * hourMs - 1000);
  const { uploadUrl, uploadHeaders } = await getArtifact(rpc, artifact!.id, { withUploadUrl: true, urlSeconds: 300 });
  clock.advance(hourMs);
  await app.collector.runOnce(signal);
  t.is((await put(uploadUrl, 'late', uploadHeaders)).status, 200);
  t.is(await download((await getArtifact(rpc, artifact!.id)).downloadUrl), 'late');
});

/** Keeps everything that is said at any level, as it was before anything was hidden. */
function recordingLogger(): { readonly log: Logger; readonly said: () => string } {
  const lines: string[] = [];
  const say = (fields: object, message: string): void => void lines.push(message, inspect(fields, { depth: null, showHidden: true }));
  const log: Logger = { debug: say, info: say, warn: say, error: say, child: () => log };
  return { log, said: () => lines.join('\n') };
}

test('nothing that is logged through a whole life holds a URL or its signature', async (t) => {
  const { log, said } = recordingLogger();
  const { app, rpc, clock, database } = await startStorage(t, { log });
  const urls: string[] = [];
  const noted = (url: string): string => {
    urls.push(url);
    return url;
  };
  const { artifact, uploadUrl, uploadHeaders } = await rpc.call('createArtifact', aRequest({ sizeBytes: 7n }));
  const id = artifact!.id;
  await put(noted(uploadUrl), 'too long', uploadHeaders);
  await put(`${uploadUrl}0`, 'tampered', uploadHeaders);
  noted((await getArtifact(rpc, id, { withUploadUrl: true })).uploadUrl);
  await put(uploadUrl, 'content', uploadHeaders);
  await download(noted((await getArtifact(rpc, id)).downloadUrl));
  const { artifact: other } = await rpc.call('createArtifact', aRequest());
  const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId: other!.id });
  const { parts } = await rpc.call('getMultipartUploadParts', { artifactId: other!.id, uploadId, fromPart: 1, numParts: 1 });
  const { headers } = await put(noted(parts[0]!.url), 'part');
  const part = { partNumber: 1, etag: headers.get('etag')! };
  noted((await rpc.call('completeMultipartUpload', { artifactId: other!.id, uploadId, parts: [part] })).url);
  await database.cutConnections();
  await rpc.call('getArtifact', { id, expiresInHours: 0, withUploadUrl: false, urlSeconds: 0 }).catch(() => undefined);
  await rpc.call('deleteArtifacts', { ids: [id, other!.id], organizationId: '' });
  t.is((await failureOf(getArtifact(rpc, id))).code, 'not_found');
  clock.advance(200 * 24 * hourMs);
  await app.collector.runOnce(signal);
  await app.stop();
  t.regex(said(), /GetArtifact/, 'calls are logged');
  t.is(urls.length, 5);
  for (const url of urls) {
    const { pathname, searchParams } = new URL(url);
    const secrets = [url, ...[...searchParams.values(), ...pathname.split('/')].filter((piece) => piece.length >= 40)];
    t.true(secrets.length >= 2, 'the signature is a piece of the URL');
    for (const secret of secrets) t.false(said().includes(secret), secret);
  }
});
