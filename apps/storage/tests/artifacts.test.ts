import { storage } from '@cloudscan/contracts';
import { FilesystemObjectStore } from '@cloudscan/object-store';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { aRequest, download, failureOf, getArtifact, put, sha256, startStorage, upload } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

const hourMs = 3_600_000;
const file = testFile(test);
let service: TestStorage;
test.before(async () => {
  service = await startStorage(file);
});

test('an artifact is created, uploaded, available and downloaded', async (t) => {
  const { rpc } = service;
  const request = aRequest({ sizeBytes: 7n, sha256: sha256('content'), filename: 'ü "1".zip', contentType: 'application/zip' });
  const created = await rpc.call('createArtifact', request);
  const { artifact } = created;
  t.is(artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_CREATED);
  t.is(artifact!.storagePath, `artifacts/${request.organizationId}/${artifact!.id}`);
  t.deepEqual(created.uploadHeaders, { 'Content-Type': 'application/zip' });
  t.is(created.uploadExpiresAt!.getTime() - artifact!.createdAt!.getTime(), 24 * hourMs);

  const before = await getArtifact(rpc, artifact!.id);
  t.is(before.downloadUrl, '');
  t.is(before.uploadUrl, '');
  t.is((await put(created.uploadUrl, 'content', created.uploadHeaders)).status, 200);

  const after = await getArtifact(rpc, artifact!.id);
  t.is(after.artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_AVAILABLE);
  t.deepEqual({ ...after.artifact!, status: 0, expiresAt: undefined }, { ...artifact!, status: 0, expiresAt: undefined });
  t.is(after.downloadExpiresAt!.getTime() - service.clock.now().getTime(), hourMs);
  const response = await fetch(after.downloadUrl);
  t.is(await response.text(), 'content');
  t.is(response.headers.get('content-type'), 'application/zip');
  t.regex(response.headers.get('content-disposition')!, /filename\*=UTF-8''%C3%BC%20%221%22\.zip$/);
});

test('what was not declared is known once it was seen', async (t) => {
  const { rpc } = service;
  const id = await upload(rpc, 'some content');
  const { artifact } = await getArtifact(rpc, id);
  t.is(artifact!.sizeBytes, 12n);
  t.is(artifact!.sha256, sha256('some content'));
});

test('clients that give no file name, type of content or scan are served', async (t) => {
  const { rpc } = service;
  const id = await upload(rpc, 'x', { filename: '', contentType: '', scanId: '', type: storage.ArtifactType.LOG });
  const { artifact } = await getArtifact(rpc, id);
  t.is(artifact!.filename, 'log');
  t.is(artifact!.contentType, 'application/octet-stream');
  t.is(artifact!.scanId, '');
});

test('the edge refuses other bytes than declared, and the upload can be repeated', async (t) => {
  const { rpc } = service;
  const { artifact, uploadUrl } = await rpc.call('createArtifact', aRequest({ sizeBytes: 7n, sha256: sha256('content') }));
  t.is((await put(uploadUrl, 'other content')).status, 400);
  t.is((await put(uploadUrl, 'CONTENT')).status, 400);
  t.is((await getArtifact(rpc, artifact!.id)).artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_CREATED);
  t.is((await put(uploadUrl, 'content')).status, 200);
});

test('an upload that a backend let through although it is wrong is said so, removed, and can be repeated', async (t) => {
  const { rpc, files, app } = service;
  const { artifact, uploadUrl } = await rpc.call('createArtifact', aRequest({ sizeBytes: 7n, sha256: sha256('content') }));
  const careless = await FilesystemObjectStore.open({ ...files, publicUrl: () => `http://127.0.0.1:${app.httpPort}` });
  const request = { key: artifact!.storagePath, contentType: 'text/plain', expiresAt: new Date(Date.now() + 60_000) };
  const unchecked = { sizeBytes: null, maxBytes: 1000, sha256: null };
  for (const [wrong, problem] of [
    ['too short'.slice(0, 3), /3 bytes and 7 were declared/],
    ['CONTENT', /SHA-256/],
  ] as const) {
    t.is((await put((await careless.presignPut({ ...request, expected: unchecked })).url, wrong)).status, 200);
    const error = await failureOf(getArtifact(rpc, artifact!.id));
    t.is(error.code, 'failed_precondition');
    t.regex(error.message, problem);
    t.is((await getArtifact(rpc, artifact!.id)).artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_CREATED);
  }
  t.is((await put(uploadUrl, 'content')).status, 200);
  t.is((await getArtifact(rpc, artifact!.id)).artifact!.status, storage.ArtifactStatus.ARTIFACT_STATUS_AVAILABLE);
});

test('gives a fresh upload URL, and only while the upload has not been seen', async (t) => {
  const { rpc, clock } = service;
  const { artifact } = await rpc.call('createArtifact', aRequest({ expiresInHours: 1 }));
  const fresh = await getArtifact(rpc, artifact!.id, { withUploadUrl: true, expiresInHours: 5 });
  t.is(fresh.uploadExpiresAt!.getTime() - clock.now().getTime(), 5 * hourMs);
  const row = await getArtifact(rpc, artifact!.id);
  t.is(row.artifact!.expiresAt!.getTime(), fresh.uploadExpiresAt!.getTime(), 'the artifact outlives its upload URL');
  t.is((await put(fresh.uploadUrl, 'content', fresh.uploadHeaders)).status, 200);
  const seen = await getArtifact(rpc, artifact!.id, { withUploadUrl: true });
  t.is(seen.uploadUrl, '');
  t.not(seen.downloadUrl, '');
});

test('the URLs live as long as asked for', async (t) => {
  const { rpc, clock } = service;
  const created = await rpc.call('createArtifact', aRequest({ expiresInHours: 168 }));
  t.is(created.uploadExpiresAt!.getTime() - created.artifact!.createdAt!.getTime(), 168 * hourMs);
  const got = await getArtifact(rpc, await upload(rpc, 'x'), { expiresInHours: 168 });
  t.is(got.downloadExpiresAt!.getTime() - clock.now().getTime(), 168 * hourMs);
});

const badCreations: readonly (readonly [field: string, request: Parameters<typeof aRequest>[0]])[] = [
  ['organization_id', { organizationId: '' }],
  ['organization_id', { organizationId: 'x' }],
  ['organization_id', { organizationId: newId().toUpperCase() }],
  ['scan_id', { scanId: 'not-an-id' }],
  ['type', { type: storage.ArtifactType.ARTIFACT_TYPE_UNSPECIFIED }],
  ['type', { type: 99 as storage.ArtifactType }],
  ['filename', { filename: 'x'.repeat(256) }],
  ['filename', { filename: 'a\nb' }],
  ['filename', { filename: 'a\0b' }],
  ['content_type', { contentType: 'gzip' }],
  ['content_type', { contentType: 'text/html\r\nX: y' }],
  ['content_type', { contentType: `text/${'x'.repeat(255)}` }],
  ['size_bytes', { sizeBytes: -1n }],
  ['size_bytes', { sizeBytes: 2n ** 62n }],
  ['expires_in_hours', { expiresInHours: -1 }],
  ['expires_in_hours', { expiresInHours: 169 }],
  ['url_seconds', { urlSeconds: -1 }],
  ['url_seconds', { urlSeconds: 604_801 }],
  ['sha256', { sha256: 'abc' }],
  ['sha256', { sha256: 'A'.repeat(64) }],
];
for (const [index, [field, request]] of badCreations.entries()) {
  test(`CreateArtifact refuses a wrong ${field} (${index})`, async (t) => {
    const error = await failureOf(service.rpc.call('createArtifact', aRequest(request)));
    t.is(error.code, 'invalid_argument');
    t.true(error.violations.every((violation) => violation.field === field));
    t.true(error.violations.length > 0);
  });
}

test('one answer names every wrong field', async (t) => {
  const error = await failureOf(
    service.rpc.call('createArtifact', aRequest({ organizationId: '', scanId: 'x', sizeBytes: -1n, sha256: 'y' })),
  );
  t.deepEqual(error.violations.map(({ field }) => field).toSorted(), ['organization_id', 'scan_id', 'sha256', 'size_bytes']);
});

test('GetArtifact refuses a wrong id and wrong hours, and does not find what is not there', async (t) => {
  const { rpc } = service;
  const fieldOf = async (call: Promise<unknown>): Promise<string | undefined> => (await failureOf(call)).violations[0]?.field;
  t.is(await fieldOf(getArtifact(rpc, '')), 'id');
  t.is(await fieldOf(getArtifact(rpc, '../../x')), 'id');
  t.is(await fieldOf(getArtifact(rpc, newId(), { expiresInHours: -1 })), 'expires_in_hours');
  t.is(await fieldOf(getArtifact(rpc, newId(), { expiresInHours: 169 })), 'expires_in_hours');
  t.is((await failureOf(getArtifact(rpc, newId()))).code, 'not_found');
});

test('DeleteArtifact removes bytes and row, and is idempotent', async (t) => {
  const { rpc } = service;
  const id = await upload(rpc, 'gone soon');
  const { downloadUrl } = await getArtifact(rpc, id);
  await rpc.call('deleteArtifact', { id, organizationId: '' });
  await rpc.call('deleteArtifact', { id, organizationId: '' });
  t.is((await failureOf(getArtifact(rpc, id))).code, 'not_found');
  t.is((await fetch(downloadUrl)).status, 404);
  t.deepEqual(await service.database.query('SELECT FROM storage.artifacts WHERE id = $1', [id]), []);
});

test('DeleteArtifacts counts what was there, once', async (t) => {
  const { rpc } = service;
  const ids = [await upload(rpc, 'a'), await upload(rpc, 'b'), (await rpc.call('createArtifact', aRequest())).artifact!.id];
  t.is((await rpc.call('deleteArtifacts', { ids: [...ids, ids[0]!, newId()], organizationId: '' })).deletedCount, 3);
  t.is((await rpc.call('deleteArtifacts', { ids, organizationId: '' })).deletedCount, 0);
  t.is((await rpc.call('deleteArtifacts', { ids: [], organizationId: '' })).deletedCount, 0);
});

test('deletions leave another organization alone', async (t) => {
  const { rpc } = service;
  const organizationId = newId();
  const id = await upload(rpc, 'mine', { organizationId });
  await rpc.call('deleteArtifact', { id, organizationId: newId() });
  t.is((await rpc.call('deleteArtifacts', { ids: [id], organizationId: newId() })).deletedCount, 0);
  t.is(await download((await getArtifact(rpc, id)).downloadUrl), 'mine');
  t.is((await rpc.call('deleteArtifacts', { ids: [id], organizationId })).deletedCount, 1);
});

test('deletions refuse wrong and too many ids', async (t) => {
  const { rpc } = service;
  t.is((await failureOf(rpc.call('deleteArtifact', { id: '', organizationId: '' }))).violations[0]?.field, 'id');
  t.is((await failureOf(rpc.call('deleteArtifact', { id: newId(), organizationId: 'x' }))).violations[0]?.field, 'organization_id');
  t.is((await failureOf(rpc.call('deleteArtifacts', { ids: [newId(), 'x'], organizationId: '' }))).violations[0]?.field, 'ids[1]');
  const tooMany = Array.from({ length: 1001 }, () => newId());
  t.is((await failureOf(rpc.call('deleteArtifacts', { ids: tooMany, organizationId: '' }))).violations[0]?.field, 'ids');
});

test('deletions of the same artifacts in other orders do not deadlock', async (t) => {
  const { rpc } = service;
  const ids = await Promise.all(Array.from({ length: 20 }, () => upload(rpc, 'x')));
  const counts = await Promise.all(
    [ids, ids.toReversed(), ids, ids.toReversed()].map((some) => rpc.call('deleteArtifacts', { ids: some, organizationId: '' })),
  );
  t.is(
    counts.reduce((total, { deletedCount }) => total + deletedCount, 0),
    20,
  );
});

// It moves the clock.
test.serial('ListArtifacts gives every artifact of a query once, newest first', async (t) => {
  const { rpc, clock } = service;
  const [organizationId, scanId] = [newId(), newId()];
  const created: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    clock.advance(1);
    const type = index % 2 === 0 ? storage.ArtifactType.LOG : storage.ArtifactType.REPORT;
    created.push((await rpc.call('createArtifact', aRequest({ organizationId, scanId, type }))).artifact!.id);
  }
  await rpc.call('createArtifact', aRequest({ organizationId }));
  await rpc.call('createArtifact', aRequest({ scanId }));
  const query = { scanId, organizationId, type: 0 as storage.ArtifactType, pageSize: 3 };
  const listed: string[] = [];
  let pageToken = '';
  do {
    const page = await rpc.call('listArtifacts', { ...query, pageToken });
    t.is(page.totalCount, 7);
    listed.push(...page.artifacts.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  t.deepEqual(listed, created.toReversed());
  const logs = await rpc.call('listArtifacts', { ...query, type: storage.ArtifactType.LOG, pageSize: 0, pageToken: '' });
  t.deepEqual([logs.totalCount, logs.artifacts.length, logs.nextPageToken], [4, 4, '']);
  t.is((await rpc.call('listArtifacts', { ...query, organizationId: '', pageToken: '' })).totalCount, 8, 'by scan alone');
  t.is((await rpc.call('listArtifacts', { ...query, scanId: '', pageToken: '' })).totalCount, 8, 'by organization alone');
  t.is((await rpc.call('listArtifacts', { ...query, scanId: newId(), pageToken: '' })).totalCount, 0);
});

test('ListArtifacts refuses wrong fields and a token of another query', async (t) => {
  const { rpc } = service;
  const organizationId = newId();
  await rpc.call('createArtifact', aRequest({ organizationId }));
  await rpc.call('createArtifact', aRequest({ organizationId }));
  const query = { scanId: '', organizationId, type: 0 as storage.ArtifactType, pageSize: 1, pageToken: '' };
  const { nextPageToken } = await rpc.call('listArtifacts', query);
  t.not(nextPageToken, '');
  const wrong = [
    ['organization_id', { organizationId: '' }],
    ['organization_id', { organizationId: 'x' }],
    ['scan_id', { scanId: 'x' }],
    ['type', { type: 99 as storage.ArtifactType }],
    ['page_size', { pageSize: -1 }],
    ['page_token', { pageToken: 'x' }],
    ['page_token', { pageToken: `${nextPageToken}A` }],
    ['page_token', { pageToken: nextPageToken, organizationId: newId() }],
    ['page_token', { pageToken: nextPageToken, type: storage.ArtifactType.LOG }],
    ['page_token', { pageToken: nextPageToken, scanId: newId() }],
  ] as const;
  for (const [field, change] of wrong) {
    const error = await failureOf(rpc.call('listArtifacts', { ...query, ...change }));
    t.deepEqual([error.code, error.violations[0]?.field], ['invalid_argument', field], JSON.stringify(change));
  }
});

test('calls at the same time see one artifact become available once', async (t) => {
  const { rpc } = service;
  const id = await upload(rpc, 'content');
  const answers = await Promise.all(Array.from({ length: 10 }, () => getArtifact(rpc, id)));
  t.is(new Set(answers.map(({ artifact }) => artifact!.expiresAt!.getTime())).size, 1);
  t.true(answers.every(({ downloadUrl }) => downloadUrl !== ''));
});
