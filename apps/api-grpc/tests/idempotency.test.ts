import { scan } from '@cloudscan/contracts';
import type { DomainError } from '@cloudscan/domain';
import { testFile } from '@cloudscan/testing';
import test from 'ava';
import { startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';

const file = testFile(test);
let api: Api;
test.before(async () => {
  api = await startApi(file);
});

test('the same key and request give the same scan and a fresh upload URL', async (t) => {
  const tenant = await Tenant.create(api);
  const request = tenant.createScanRequest({ gitBranch: 'main' });
  const first = await api.scans.call('createScan', request, { idempotencyKey: 'key-1' });
  const again = await api.scans.call('createScan', request, { idempotencyKey: 'key-1' });
  t.deepEqual(again.scan, first.scan);
  t.is(again.artifactId, first.artifactId);
  t.not(again.uploadUrl, first.uploadUrl);
  t.not(again.uploadUrl, '');
});

test('after the upload the answer to a repeated call asks for none', async (t) => {
  const tenant = await Tenant.create(api);
  const request = tenant.createScanRequest();
  const first = await api.scans.call('createScan', request, { idempotencyKey: 'key' });
  api.storage.upload(first.artifactId, 'source');
  t.is((await api.scans.call('createScan', request, { idempotencyKey: 'key' })).uploadUrl, '');
  await api.scans.call('startScan', { id: first.scan!.id });
  const started = await api.scans.call('createScan', request, { idempotencyKey: 'key' });
  t.is(started.scan!.status, scan.ScanStatus.QUEUED);
  t.is(started.uploadUrl, '');
});

test('a repeated call after the announced upload has expired announces it anew', async (t) => {
  const tenant = await Tenant.create(api);
  const request = tenant.createScanRequest();
  const first = await api.scans.call('createScan', request, { idempotencyKey: 'key' });
  await api.storage.deleteArtifacts({ kind: 'system' } as never, [first.artifactId]);
  const again = await api.scans.call('createScan', request, { idempotencyKey: 'key' });
  t.not(again.artifactId, first.artifactId);
  api.storage.upload(again.artifactId, 'source');
  t.is((await api.scans.call('startScan', { id: first.scan!.id })).sourceArtifactId, again.artifactId);
});

test('the same key and another request are refused', async (t) => {
  const tenant = await Tenant.create(api);
  await api.scans.call('createScan', tenant.createScanRequest(), { idempotencyKey: 'key' });
  const other = tenant.createScanRequest({ priority: 1 });
  const error = await t.throwsAsync<DomainError>(api.scans.call('createScan', other, { idempotencyKey: 'key' }));
  t.is(error?.code, 'already_exists');
});

test('scan types in another order are the same request', async (t) => {
  const tenant = await Tenant.create(api);
  const create = (scanTypes: scan.ScanType[]) =>
    api.scans.call('createScan', tenant.createScanRequest({ scanTypes }), { idempotencyKey: 'key' });
  t.is((await create([1, 2])).scan!.id, (await create([2, 1, 2])).scan!.id);
});

test('a key belongs to its organization', async (t) => {
  const [one, other] = [await Tenant.create(api), await Tenant.create(api)];
  const first = await api.scans.call('createScan', one.createScanRequest(), { idempotencyKey: 'shared' });
  const second = await api.scans.call('createScan', other.createScanRequest(), { idempotencyKey: 'shared' });
  t.not(first.scan!.id, second.scan!.id);
});

test('of twenty calls at once with one key one creates the scan, and no upload is left over', async (t) => {
  const tenant = await Tenant.create(api);
  const request = tenant.createScanRequest();
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.scans.call('createScan', request, { idempotencyKey: 'race' })));
  t.is(new Set(answers.map((answer) => answer.scan!.id)).size, 1);
  t.is(new Set(answers.map(({ artifactId }) => artifactId)).size, 1);
  const listed = await api.scans.call('listScans', scan.ListScansRequest.create({ organizationId: tenant.organizationId }));
  t.is(listed.totalCount, 1);
  t.is(api.storage.countOf(tenant.organizationId), 1);
});

test('the key of a scan that was deleted is not used again', async (t) => {
  const tenant = await Tenant.create(api);
  const request = tenant.createScanRequest();
  const { scan: created } = await api.scans.call('createScan', request, { idempotencyKey: 'gone' });
  await api.scans.call('deleteScan', { id: created!.id });
  const error = await t.throwsAsync<DomainError>(api.scans.call('createScan', request, { idempotencyKey: 'gone' }));
  t.is(error?.code, 'already_exists');
});

for (const [what, key] of [
  ['empty', ''],
  ['too long', 'x'.repeat(256)],
  ['with a space', 'a b'],
] as const) {
  test(`a key that is ${what} is refused`, async (t) => {
    const tenant = await Tenant.create(api);
    const error = await t.throwsAsync<DomainError>(api.scans.call('createScan', tenant.createScanRequest(), { idempotencyKey: key }));
    t.is(error?.code, 'invalid_argument');
    t.is(error?.violations[0]?.field, 'idempotency-key');
  });
}

test('CancelScan, StartScan and DeleteScan can be repeated', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.queued();
  t.is((await api.scans.call('startScan', { id })).attempt, 1);
  await api.scans.call('cancelScan', { id });
  await t.notThrowsAsync(api.scans.call('cancelScan', { id }));
  await api.scans.call('deleteScan', { id });
  await t.notThrowsAsync(api.scans.call('deleteScan', { id }));
  t.is((await t.throwsAsync<DomainError>(api.scans.call('getScan', { id })))?.code, 'not_found');
});

test('DeleteProjectScans deletes all and then none, and leaves other projects alone', async (t) => {
  const [tenant, other] = [await Tenant.create(api), await Tenant.create(api)];
  const ids = [await tenant.pending(), await tenant.completed(), await tenant.running()];
  const kept = await other.pending();
  t.is((await api.scans.call('deleteProjectScans', { projectId: tenant.projectId })).deletedCount, 3);
  t.is((await api.scans.call('deleteProjectScans', { projectId: tenant.projectId })).deletedCount, 0);
  for (const id of ids) t.is((await t.throwsAsync<DomainError>(api.scans.call('getScan', { id })))?.code, 'not_found');
  t.is((await api.scans.call('getScan', { id: kept })).id, kept);
});
