import { createHash, generateKeyPairSync } from 'node:crypto';
import { scan } from '@cloudscan/contracts';
import { newId, testFile } from '@cloudscan/testing';
import { formatVerificationKey, parseSigningKey } from '@cloudscan/provenance';
import test from 'ava';
import { aCompletion, aFinding, aToolRun, startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';

const { ScanStatus, Severity, FailureReason, ToolStatus, UpdateScanRequest } = scan;
const file = testFile(test);
let api: Api;
const privateKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const publicKey = formatVerificationKey(parseSigningKey(privateKey));
test.before(async () => {
  api = await startApi(file, { env: { ATTESTATION_PUBLIC_KEYS: publicKey } });
});

test('the whole way: create, upload, start, run, complete, read', async (t) => {
  const tenant = await Tenant.create(api);
  const created = await api.scans.call('createScan', tenant.createScanRequest({ scanTypes: [], userId: 'ada' }));
  const id = created.scan!.id;
  t.is(created.scan!.status, ScanStatus.PENDING);
  t.deepEqual(created.scan!.scanTypes, [1, 2, 3, 4]);
  t.is(created.scan!.userId, 'ada');
  t.true(created.uploadUrl.startsWith('https://'));
  t.deepEqual(created.uploadHeaders, { 'content-type': 'application/gzip' });
  t.true(created.uploadExpiresAt! > new Date());

  api.storage.upload(created.artifactId, 'source');
  const started = await api.scans.call('startScan', { id });
  t.is(started.status, ScanStatus.QUEUED);
  t.is(started.attempt, 1);
  t.is(started.sourceArtifactId, created.artifactId);

  const runId = newId();
  const progress = { step: 'sast', percent: 40, message: 'semgrep' };
  const running = await api.scans.call(
    'updateScan',
    UpdateScanRequest.create({ id, status: ScanStatus.RUNNING, attempt: 1, runId, progress }),
  );
  t.is(running.status, ScanStatus.RUNNING);
  t.deepEqual(running.progress, progress);

  const findings = [aFinding(), aFinding({ severity: Severity.CRITICAL, title: 'Remote code execution' })];
  const batch = { scanId: id, findings, attempt: 1, runId, batchNumber: 1 };
  t.is((await api.scans.call('createFindings', batch)).createdCount, 2);
  t.is((await api.scans.call('createFindings', batch)).createdCount, 2, 'the same batch again is counted once');

  const url = await api.scans.call(
    'getUploadUrl',
    scan.GetUploadURLRequest.create({ scanId: id, type: 2, filename: 'results.sarif', sizeBytes: 7n, attempt: 1 }),
  );
  api.storage.upload(url.artifactId, 'results');
  const completion = aCompletion(id, { runId, resultsArtifactId: url.artifactId, findings: [aFinding({ severity: Severity.LOW })] });
  const completed = await api.scans.call('completeScan', completion);
  t.is(completed.status, ScanStatus.COMPLETED);
  t.is(completed.totalFindings, 3);
  t.deepEqual(completed.findingsBySeverity, { critical: 1, high: 1, medium: 0, low: 1, info: 0 });
  t.deepEqual(await api.scans.call('completeScan', completion), completed, 'the same call again gives the same answer');

  for (let read = 0; read < 2; read += 1) t.deepEqual(await api.scans.call('getScan', { id }), completed, 'also from the cache');
  const page = await api.scans.call('getFindings', scan.GetFindingsRequest.create({ scanId: id }));
  t.deepEqual(
    page.findings.map(({ severity }) => severity),
    [Severity.CRITICAL, Severity.HIGH, Severity.LOW],
  );
  t.true(page.totalCountExact);
  t.is(page.findings[0]!.runId, runId);
  t.regex(page.findings[0]!.fingerprint, /^[0-9a-f]{64}$/);
  const download = await api.scans.call('getDownloadUrl', { scanId: id, type: 0 });
  t.is(download.artifactId, url.artifactId);
});

test('a run that has read another source than was uploaded cannot complete the scan', async (t) => {
  const tenant = await Tenant.create(api);
  const { scan: created, artifactId } = await api.scans.call('createScan', tenant.createScanRequest());
  const id = created!.id;
  api.storage.upload(artifactId, 'source');
  await api.scans.call('startScan', { id });
  const complete = (provenance: Partial<scan.RunProvenance>) =>
    api.scans.call('completeScan', aCompletion(id, { provenance: scan.RunProvenance.create(provenance) }));
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  await t.throwsAsync(complete({ sourceSha256: sha256('other') }), { message: /has read another source than artifact/ });
  await t.throwsAsync(complete({ gitCommit: 'c'.repeat(40) }), { message: /was uploaded, and the run has read a repository/ });
  t.is((await complete({ sourceSha256: sha256('source') })).status, ScanStatus.COMPLETED);
});

test('the attestation is the newest report of its name, with the keys that verify it', async (t) => {
  const tenant = await Tenant.create(api);
  const scanId = await tenant.completed();
  await t.throwsAsync(api.scans.call('getAttestation', { scanId }), { message: /has no attestation; one is made shortly after/ });
  const put = (filename: string, status: 'available' | 'created' = 'available') =>
    api.storage.put(tenant.organizationId, 'report', { scanId, filename, status });
  put('attestation.dsse.json');
  const newest = put('attestation.dsse.json');
  put('report.html');
  put('attestation.dsse.json', 'created');
  const { artifactId, downloadUrl, publicKeys } = await api.scans.call('getAttestation', { scanId });
  t.is(artifactId, newest.id);
  t.regex(downloadUrl, /^https:/);
  t.deepEqual(publicKeys, [publicKey]);
});

test('an older runner ends a scan with batches and UpdateScan, whatever it counted itself', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.queued();
  const send = (title: string) =>
    api.scans.call('createFindings', scan.CreateFindingsRequest.create({ scanId: id, findings: [aFinding({ title })] }));
  await send('first');
  await send('second');
  t.is((await send('second')).createdCount, 1, 'a batch that was sent again is told apart by its content');
  const end = UpdateScanRequest.create({ id, status: ScanStatus.COMPLETED, totalFindings: 17, findingsBySeverity: { high: 17 } });
  const completed = await api.scans.call('updateScan', end);
  t.is(completed.status, ScanStatus.COMPLETED);
  t.is(completed.totalFindings, 2);
  t.deepEqual(await api.scans.call('updateScan', end), completed);
  const page = await api.scans.call('getFindings', scan.GetFindingsRequest.create({ scanId: id }));
  t.deepEqual(page.findings.map(({ title }) => title).toSorted(), ['first', 'second']);
});

test('an older runner fails a scan', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.running();
  const end = UpdateScanRequest.create({ id, status: ScanStatus.FAILED, errorMessage: 'semgrep crashed' });
  const failed = await api.scans.call('updateScan', end);
  t.is(failed.status, ScanStatus.FAILED);
  t.is(failed.failureReason, FailureReason.FAILURE_REASON_TOOL_ERROR);
  t.is(failed.errorMessage, 'semgrep crashed');
  t.deepEqual(await api.scans.call('updateScan', end), failed);
});

test('a failure of the infrastructure leads to a new attempt, whose predecessor is refused', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.running();
  const runId = newId();
  await api.scans.call('createFindings', { scanId: id, findings: [aFinding()], attempt: 1, runId, batchNumber: 1 });
  const lost = { id, status: ScanStatus.FAILED, attempt: 1, failureReason: FailureReason.FAILURE_REASON_EVICTED };
  const retried = await api.scans.call('updateScan', UpdateScanRequest.create(lost));
  t.is(retried.status, ScanStatus.QUEUED);
  t.is(retried.attempt, 2);
  t.deepEqual(await api.scans.call('updateScan', UpdateScanRequest.create(lost)), retried, 'the same report again starts no third attempt');
  for (const call of [
    api.scans.call('createFindings', { scanId: id, findings: [aFinding()], attempt: 1, runId, batchNumber: 2 }),
    api.scans.call('completeScan', aCompletion(id, { runId, attempt: 1 })),
    api.scans.call('updateScan', UpdateScanRequest.create({ id, status: ScanStatus.RUNNING, attempt: 1, runId })),
    api.scans.call('updateScan', UpdateScanRequest.create({ id, status: ScanStatus.CANCELLED, attempt: 1, runId })),
    api.scans.call('getUploadUrl', scan.GetUploadURLRequest.create({ scanId: id, type: 2, attempt: 1 })),
  ]) {
    t.like(await t.throwsAsync(call), { code: 'failed_precondition' });
  }
  const completed = await api.scans.call('completeScan', aCompletion(id, { attempt: 2, findings: [aFinding()] }));
  t.is(completed.totalFindings, 1, 'what the lost attempt found does not count');
});

test('no tool succeeded: the scan fails and says which', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.running();
  const tools = [
    aToolRun({ name: 'semgrep', status: ToolStatus.TOOL_STATUS_FAILED, errorMessage: 'rules are missing' }),
    aToolRun({ name: 'trivy', status: ToolStatus.TOOL_STATUS_TIMED_OUT }),
    aToolRun({ name: 'trufflehog', status: ToolStatus.TOOL_STATUS_OUT_OF_MEMORY }),
    aToolRun({ name: 'scancode', status: ToolStatus.TOOL_STATUS_SKIPPED }),
  ];
  const failed = await api.scans.call('completeScan', aCompletion(id, { tools }));
  t.is(failed.status, ScanStatus.FAILED);
  t.is(failed.failureReason, FailureReason.FAILURE_REASON_TOOL_ERROR);
  t.is(failed.errorMessage, 'no tool succeeded: semgrep: rules are missing; trivy: ran out of time; trufflehog: ran out of memory');
  t.is(failed.tools.length, 4);
  t.false(failed.partial);
});

test('some tools failed: the scan completes and shows their errors, or fails where the deployment wants that', async (t) => {
  const tools = [aToolRun(), aToolRun({ name: 'trivy', status: ToolStatus.TOOL_STATUS_FAILED, exitCode: 2 })];
  const tenant = await Tenant.create(api);
  const lenient = await api.scans.call('completeScan', aCompletion(await tenant.running(), { tools }));
  t.is(lenient.status, ScanStatus.COMPLETED);
  t.true(lenient.partial);
  t.is(lenient.tools[1]!.status, ToolStatus.TOOL_STATUS_FAILED);
  const strict = await startApi(t, { env: { SCAN_PARTIAL_RESULTS: 'fail' }, beside: api });
  const failed = await strict.scans.call('completeScan', aCompletion(await tenant.running(), { tools }));
  t.is(failed.status, ScanStatus.FAILED);
  t.is(failed.errorMessage, 'some tools failed: trivy: exit code 2');
});

test('a scan with a Git URL and no upload is cloned; with an upload that is taken', async (t) => {
  const tenant = await Tenant.create(api);
  const fields = { gitUrl: 'https://git.example.com/team/app.git', gitBranch: 'main' };
  const cloned = await api.scans.call('startScan', { id: await tenant.pending(fields) });
  t.is(cloned.status, ScanStatus.QUEUED);
  t.is(cloned.sourceArtifactId, '');
  const { scan: other, artifactId } = await api.scans.call('createScan', tenant.createScanRequest(fields));
  api.storage.upload(artifactId, 'source');
  t.is((await api.scans.call('startScan', { id: other!.id })).sourceArtifactId, artifactId);
});

test('SCAN_AUTO_START queues a scan with a Git URL at once', async (t) => {
  const eager = await startApi(t, { env: { SCAN_AUTO_START: 'true' }, beside: api });
  const tenant = await Tenant.create(eager);
  const cloned = await eager.scans.call('createScan', tenant.createScanRequest({ gitUrl: 'git@git.example.com:team/app.git' }));
  t.is(cloned.scan!.status, ScanStatus.QUEUED);
  t.is(cloned.uploadUrl, '');
  const uploaded = await eager.scans.call('createScan', tenant.createScanRequest());
  t.is(uploaded.scan!.status, ScanStatus.PENDING);
});

test('a scan of a source that was uploaded before is queued at once', async (t) => {
  const tenant = await Tenant.create(api);
  const { id } = api.storage.put(tenant.organizationId, 'source_code');
  const created = await api.scans.call('createScan', tenant.createScanRequest({ sourceArtifactId: id }));
  t.is(created.scan!.status, ScanStatus.QUEUED);
  t.is(created.scan!.sourceArtifactId, id);
  t.is(created.uploadUrl, '');
});

test('StartScan says what is missing until the source is there, and can be repeated ever after', async (t) => {
  const tenant = await Tenant.create(api);
  const { scan: created, artifactId } = await api.scans.call('createScan', tenant.createScanRequest());
  const id = created!.id;
  const missing = await t.throwsAsync(api.scans.call('startScan', { id }), {
    message: new RegExp(`artifact ${artifactId}.*was not uploaded`),
  });
  t.like(missing, { code: 'failed_precondition' });
  const fresh = await api.scans.call('getUploadUrl', scan.GetUploadURLRequest.create({ scanId: id, type: 1 }));
  t.not(fresh.artifactId, artifactId);
  t.false(api.storage.has(artifactId), 'the source that it replaces is deleted');
  api.storage.upload(fresh.artifactId, 'source');
  const started = await api.scans.call('startScan', { id });
  t.is(started.sourceArtifactId, fresh.artifactId);
  t.is((await api.scans.call('startScan', { id })).status, ScanStatus.QUEUED);
  await api.scans.call('completeScan', aCompletion(id));
  t.is((await api.scans.call('startScan', { id })).status, ScanStatus.COMPLETED);
});

test('a queued scan over the cap knows its place', async (t) => {
  const tenant = await Tenant.create(api, { maxRunningScans: 1 });
  await tenant.queued();
  const waiting = [await tenant.queued(), await tenant.queued()];
  const positions = await Promise.all(waiting.map(async (id) => (await api.scans.call('getScan', { id })).queuePosition));
  t.true(positions[0]! >= 1);
  t.true(positions[1]! > positions[0]!);
});

test('above the limit of queued scans StartScan is refused with a hint when to try again', async (t) => {
  const tenant = await Tenant.create(api, { maxRunningScans: 1, maxQueuedScans: 1 });
  await tenant.queued();
  await tenant.queued();
  const error = await t.throwsAsync(tenant.queued());
  t.like(error, { code: 'resource_exhausted', retryAfterMs: 30_000 });
});

test('a runner that nobody admitted is refused, whatever it says', async (t) => {
  const tenant = await Tenant.create(api, { maxRunningScans: 1 });
  await tenant.queued();
  const id = await tenant.queued();
  for (const call of [
    api.scans.call('updateScan', UpdateScanRequest.create({ id, status: ScanStatus.RUNNING })),
    api.scans.call('updateScan', UpdateScanRequest.create({ id, status: ScanStatus.COMPLETED })),
    api.scans.call('createFindings', scan.CreateFindingsRequest.create({ scanId: id, findings: [aFinding()] })),
    api.scans.call('completeScan', aCompletion(id)),
  ]) {
    t.like(await t.throwsAsync(call), { code: 'failed_precondition' });
  }
  t.is((await api.scans.call('getScan', { id })).status, ScanStatus.QUEUED);
});
