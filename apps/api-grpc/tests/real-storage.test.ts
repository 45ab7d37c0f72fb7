import { createHash } from 'node:crypto';
import { scan, storage } from '@cloudscan/contracts';
import type { DomainError } from '@cloudscan/domain';
import { testFile } from '@cloudscan/testing';
import test from 'ava';
import { aCompletion, startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';

const { ArtifactType } = storage;
const { GetUploadURLRequest, ScanStatus } = scan;
const file = testFile(test);
let api: Api;
test.before(async () => {
  api = await startApi(file, { realStorage: true });
});

const bytes = Buffer.from('an archive, as far as the storage service is concerned');
const sha256 = createHash('sha256').update(bytes).digest('hex');

async function put(url: string, headers: Readonly<Record<string, string>>, body: Buffer = bytes): Promise<number> {
  return (await fetch(url, { method: 'PUT', headers, body: new Uint8Array(body) })).status;
}

const codeOf = async (call: Promise<unknown>): Promise<string | null> =>
  call.then(
    () => null,
    (error: DomainError) => error.code,
  );

test('the source is uploaded as declared, or the scan does not start', async (t) => {
  const tenant = await Tenant.create(api);
  const declared = { sourceSizeBytes: BigInt(bytes.length), sourceSha256: sha256 };
  const created = await api.scans.call('createScan', tenant.createScanRequest(declared));
  const id = created.scan!.id;
  t.is(await codeOf(api.scans.call('startScan', { id })), 'failed_precondition');
  t.true((await put(created.uploadUrl, created.uploadHeaders, Buffer.alloc(bytes.length))) >= 400, 'other bytes of the same length');
  t.is(await codeOf(api.scans.call('startScan', { id })), 'failed_precondition');
  t.true((await put(created.uploadUrl, created.uploadHeaders)) < 300);
  const started = await api.scans.call('startScan', { id });
  t.is(started.status, ScanStatus.QUEUED);
  t.is(started.sourceArtifactId, created.artifactId);
  const { downloadUrl } = await api.scans.call('getDownloadUrl', { scanId: id, type: ArtifactType.SOURCE_CODE });
  t.deepEqual(Buffer.from(await (await fetch(downloadUrl)).arrayBuffer()), bytes);
});

test('an upload that was made before is the source of a scan that starts at once', async (t) => {
  const tenant = await Tenant.create(api);
  const first = await api.scans.call('createScan', tenant.createScanRequest());
  const request = tenant.createScanRequest({ sourceArtifactId: first.artifactId });
  t.is(await codeOf(api.scans.call('createScan', request)), 'failed_precondition');
  await put(first.uploadUrl, first.uploadHeaders);
  t.is((await api.scans.call('createScan', request)).scan!.status, ScanStatus.QUEUED);
});

test('a repeated CreateScan gives a fresh URL for the same artifact', async (t) => {
  const tenant = await Tenant.create(api);
  const request = tenant.createScanRequest();
  const first = await api.scans.call('createScan', request, { idempotencyKey: 'key' });
  const again = await api.scans.call('createScan', request, { idempotencyKey: 'key' });
  t.is(again.artifactId, first.artifactId);
  t.true((await put(again.uploadUrl, again.uploadHeaders)) < 300);
  t.is((await api.scans.call('createScan', request, { idempotencyKey: 'key' })).uploadUrl, '');
});

test('a scan with a Git URL takes the upload when there is one, and else is cloned', async (t) => {
  const tenant = await Tenant.create(api);
  const fields = { gitUrl: 'https://git.example.com/team/app.git' };
  const { scan: cloned } = await api.scans.call('createScan', tenant.createScanRequest(fields));
  t.is((await api.scans.call('startScan', { id: cloned!.id })).sourceArtifactId, '');
  const uploaded = await api.scans.call('createScan', tenant.createScanRequest(fields));
  await put(uploaded.uploadUrl, uploaded.uploadHeaders);
  t.is((await api.scans.call('startScan', { id: uploaded.scan!.id })).sourceArtifactId, uploaded.artifactId);
});

test('results are there before a scan completes with them, and are listed and served', async (t) => {
  const tenant = await Tenant.create(api);
  const created = await api.scans.call('createScan', tenant.createScanRequest());
  const id = created.scan!.id;
  await put(created.uploadUrl, created.uploadHeaders);
  await api.scans.call('startScan', { id });
  const wanted = { scanId: id, type: ArtifactType.SCAN_RESULTS, filename: 'results.sarif', sizeBytes: BigInt(bytes.length), attempt: 1 };
  const results = await api.scans.call('getUploadUrl', GetUploadURLRequest.create(wanted));
  const completion = aCompletion(id, { resultsArtifactId: results.artifactId });
  t.is(await codeOf(api.scans.call('completeScan', completion)), 'failed_precondition');
  t.is((await api.scans.call('getArtifact', { id: results.artifactId })).downloadUrl, '');
  await put(results.uploadUrl, results.uploadHeaders);
  t.is((await api.scans.call('completeScan', completion)).resultsArtifactId, results.artifactId);

  const download = await api.scans.call('getDownloadUrl', { scanId: id, type: 0 });
  t.is(download.artifactId, results.artifactId);
  t.deepEqual(Buffer.from(await (await fetch(download.downloadUrl)).arrayBuffer()), bytes);
  const { artifact } = await api.scans.call('getArtifact', { id: results.artifactId });
  t.is(artifact?.filename, 'results.sarif');
  t.is(artifact?.sizeBytes, BigInt(bytes.length));

  const first = await api.scans.call('listArtifacts', { scanId: id, pageSize: 1, pageToken: '' });
  const second = await api.scans.call('listArtifacts', { scanId: id, pageSize: 1, pageToken: first.nextPageToken });
  t.deepEqual(
    [...first.artifacts, ...second.artifacts].map((one) => one.id),
    [results.artifactId, created.artifactId],
  );
  t.is(second.nextPageToken, '');
  const other = await tenant.pending();
  t.is(await codeOf(api.scans.call('listArtifacts', { scanId: other, pageSize: 1, pageToken: first.nextPageToken })), 'invalid_argument');
});

test('the newest log that was uploaded is the one that is downloaded', async (t) => {
  const tenant = await Tenant.create(api);
  const created = await api.scans.call('createScan', tenant.createScanRequest());
  const scanId = created.scan!.id;
  await put(created.uploadUrl, created.uploadHeaders);
  await api.scans.call('startScan', { id: scanId });
  t.is(await codeOf(api.scans.call('getDownloadUrl', { scanId, type: ArtifactType.LOG })), 'failed_precondition');
  const announce = () => api.scans.call('getUploadUrl', GetUploadURLRequest.create({ scanId, type: ArtifactType.LOG }));
  const [older, newer] = [await announce(), await announce()];
  await put(older.uploadUrl, older.uploadHeaders);
  t.is((await api.scans.call('getDownloadUrl', { scanId, type: ArtifactType.LOG })).artifactId, older.artifactId);
  await put(newer.uploadUrl, newer.uploadHeaders);
  t.is((await api.scans.call('getDownloadUrl', { scanId, type: ArtifactType.LOG })).artifactId, newer.artifactId);
});

test('an artifact that nobody has is not found', async (t) => {
  t.is(await codeOf(api.scans.call('getArtifact', { id: '01890000-0000-7000-8000-000000000000' })), 'not_found');
});
