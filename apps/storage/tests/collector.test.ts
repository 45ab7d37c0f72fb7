import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lease, lockIds } from '@cloudscan/database';
import { FilesystemObjectStore } from '@cloudscan/object-store';
import { storage } from '@cloudscan/contracts';
import { newId } from '@cloudscan/testing';
import test from 'ava';
import { aRequest, failureOf, filesIn, getArtifact, put, startStorage, upload } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

const hourMs = 3_600_000;
const nothing = { expired: 0, unfinished: 0, deleted: 0, orphans: 0, recounted: 0, abandoned: 0 };
const { signal } = new AbortController();

async function rowsOf({ database }: TestStorage): Promise<readonly { readonly id: string; readonly status: string }[]> {
  return database.query('SELECT id, status FROM storage.artifacts ORDER BY id');
}

test('leaves alone what is in use', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, files } = service;
  const available = await upload(rpc, 'available');
  await getArtifact(rpc, available);
  await upload(rpc, 'not seen yet');
  const { artifact } = await rpc.call('createArtifact', aRequest());
  await rpc.call('initiateMultipartUpload', { artifactId: artifact!.id });
  t.deepEqual(await app.collector.runOnce(signal), nothing);
  t.is((await rowsOf(service)).length, 3);
  t.is(filesIn(files).objects.length, 2);
});

test('takes an artifact whose life is over, with its bytes', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, clock, files } = service;
  const id = await upload(rpc, 'x');
  const { artifact } = await getArtifact(rpc, id);
  clock.advance(artifact!.expiresAt!.getTime() - clock.now().getTime() - 1);
  t.is((await app.collector.runOnce(signal))?.expired, 0);
  clock.advance(1);
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, expired: 1, deleted: 1 });
  t.deepEqual(await rowsOf(service), []);
  t.deepEqual(filesIn(files), { objects: [], others: [] });
});

test('takes an upload that never came, and its parts, a while after its URL ended', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, clock, files } = service;
  const { artifact, uploadExpiresAt } = await rpc.call('createArtifact', aRequest({ expiresInHours: 2 }));
  const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId: artifact!.id });
  const { parts } = await rpc.call('getMultipartUploadParts', { artifactId: artifact!.id, uploadId, fromPart: 1, numParts: 1 });
  await put(parts[0]!.url, 'part');
  clock.advance(uploadExpiresAt!.getTime() - clock.now().getTime());
  t.is((await app.collector.runOnce(signal))?.unfinished, 0, 'an upload that began in time may be at work');
  clock.advance(hourMs);
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, unfinished: 1, deleted: 1 });
  t.deepEqual(filesIn(files), { objects: [], others: [] });
});

test('keeps an upload that came although nobody has asked for it since', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, clock } = service;
  const id = await upload(rpc, 'results of an older runner');
  clock.advance(26 * hourMs);
  t.is((await app.collector.runOnce(signal))?.unfinished, 0);
  t.deepEqual(await rowsOf(service), [{ id, status: 'available' }]);
});

test('takes an upload that came wrong', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, clock, files } = service;
  const { artifact } = await rpc.call('createArtifact', aRequest({ sizeBytes: 7n }));
  const careless = await FilesystemObjectStore.open({ ...files, publicUrl: () => `http://127.0.0.1:${app.httpPort}` });
  const expected = { sizeBytes: null, maxBytes: 100, sha256: null };
  const { url } = await careless.presignPut({
    key: artifact!.storagePath,
    expected,
    contentType: 'a/b',
    expiresAt: new Date(Date.now() + 60_000),
  });
  t.is((await put(url, 'wrong')).status, 200);
  clock.advance(26 * hourMs);
  t.is((await app.collector.runOnce(signal))?.unfinished, 1);
  t.deepEqual(await rowsOf(service), []);
  t.deepEqual(filesIn(files), { objects: [], others: [] });
});

test('takes an upload that nobody asked for and that no quota has room for', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, clock, files } = service;
  const organizationId = newId();
  await rpc.call('setQuota', { organizationId, limits: { bytes: 10n, artifacts: 0n, uploadBytes: 0n } });
  await upload(rpc, 'eight...', { organizationId });
  const { artifact } = await rpc.call('createArtifact', aRequest({ organizationId, sizeBytes: 5n, expiresInHours: 168 }));
  clock.advance(26 * hourMs);
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, unfinished: 1, deleted: 1 });
  t.deepEqual(await rowsOf(service), [{ id: artifact!.id, status: 'created' }]);
  t.deepEqual(filesIn(files), { objects: [], others: [] });
});

test('counts totals again that are wrong', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, database } = service;
  const [organizationId, uncounted] = [newId(), newId()];
  await upload(rpc, 'content', { organizationId, sizeBytes: 7n });
  await upload(rpc, 'content', { organizationId: uncounted, sizeBytes: 7n });
  await database.query('UPDATE storage.organizations SET used_bytes = -5 WHERE organization_id = $1', [organizationId]);
  await database.query('DELETE FROM storage.organizations WHERE organization_id = $1', [uncounted]);
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, recounted: 2 });
  for (const id of [organizationId, uncounted]) {
    t.like(await rpc.call('getQuota', { organizationId: id }), { usedBytes: 7n, usedArtifacts: 1n });
  }
});

test('finishes deletions that were broken off, whether before the bytes or after them', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, database, files } = service;
  const [before, after] = [await upload(rpc, 'bytes are there'), await upload(rpc, 'bytes are gone')];
  const careless = await FilesystemObjectStore.open({ ...files, publicUrl: () => '' });
  await careless.deleteObjects([(await getArtifact(rpc, after)).artifact!.storagePath]);
  await database.query(`UPDATE storage.artifacts SET status = 'deleting' WHERE id = ANY ($1)`, [[before, after]]);
  t.is((await failureOf(getArtifact(rpc, before))).code, 'not_found');
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, deleted: 2 });
  t.deepEqual(await rowsOf(service), []);
  t.deepEqual(filesIn(files).objects, []);
});

test('takes objects without a row once they are older than the grace time', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, database, clock, files } = service;
  const kept = await upload(rpc, 'kept');
  const lost = await upload(rpc, 'lost');
  await database.query('DELETE FROM storage.artifacts WHERE id = $1', [lost]);
  t.is((await app.collector.runOnce(signal))?.orphans, 0);
  clock.advance(2 * hourMs);
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, orphans: 1 });
  t.is(filesIn(files).objects.length, 1);
  t.is((await getArtifact(rpc, kept)).artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_AVAILABLE);
});

test('takes what killed transfers left behind', async (t) => {
  const service = await startStorage(t);
  const { app, files } = service;
  const twoHoursAgo = new Date(Date.now() - 2 * hourMs);
  for (const name of ['old', 'young']) {
    const folder = join(files.dataDir, 'incoming', name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'bytes'), 'half');
    if (name === 'old') for (const path of [join(folder, 'bytes'), folder]) utimesSync(path, twoHoursAgo, twoHoursAgo);
  }
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, abandoned: 1 });
  t.deepEqual(readdirSync(join(files.dataDir, 'incoming')), ['young']);
});

test('stands back while another process collects', async (t) => {
  const service = await startStorage(t);
  await using other = new Lease(service.config.database, { applicationName: 'other', lockId: lockIds.storageCollector });
  t.false(await other.hold(), 'the running service holds the lease');
  await service.app.stop();
  t.true(await other.hold());
});

test('stops when it is aborted', async (t) => {
  const service = await startStorage(t);
  await upload(service.rpc, 'x');
  await t.throwsAsync(service.app.collector.runOnce(AbortSignal.abort()));
});

test('deals with more rows than a batch', async (t) => {
  const service = await startStorage(t);
  const { app, clock, database } = service;
  await database.query(
    `INSERT INTO storage.artifacts (id, organization_id, type, filename, content_type, size_bytes, sha256, object_key, status, created_at, expires_at)
     SELECT id, gen_random_uuid(), 'log', 'f', 'a/b', 0, '', id::text, 'created', $1, $1 FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 350)) AS ids`,
    [clock.now()],
  );
  clock.advance(2 * hourMs);
  t.deepEqual(await app.collector.runOnce(signal), { ...nothing, unfinished: 350, deleted: 350 });
});
