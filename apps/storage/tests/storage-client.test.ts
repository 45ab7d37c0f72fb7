import { scopeOf, systemScope } from '@cloudscan/auth';
import type { DomainError } from '@cloudscan/domain';
import type { NewArtifact } from '@cloudscan/orchestration';
import { GrpcStorageClient } from '@cloudscan/storage-client';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { download, put, sha256, startStorage } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

const file = testFile(test);
let service: TestStorage;
let client: GrpcStorageClient;
test.before(async () => {
  service = await startStorage(file);
  client = new GrpcStorageClient({ host: '127.0.0.1', port: service.app.grpcPort }, { timeoutMs: 10_000 });
  file.teardown(() => client.close());
});

function newScope() {
  return scopeOf({ organizationId: newId(), actor: 'test' });
}

function aSource(overrides: Partial<NewArtifact> = {}): NewArtifact {
  return {
    scanId: newId(),
    type: 'source_code',
    filename: 'source.zip',
    contentType: 'application/zip',
    sizeBytes: 0,
    sha256: '',
    ...overrides,
  };
}

test('an upload by the client’s URL is there to download', async (t) => {
  const scope = newScope();
  const { artifact, upload } = await client.createArtifact(scope, aSource({ sizeBytes: 7, sha256: sha256('content') }));
  const waiting = await client.getArtifact(scope, artifact.id);
  t.is(waiting?.artifact.status, 'created');
  t.is(waiting?.download, null);
  t.truthy(waiting?.upload);
  t.is((await put(upload.url, 'content', upload.headers)).status, 200);
  const there = await client.getArtifact(scope, artifact.id);
  t.is(there?.artifact.status, 'available');
  t.is(there?.upload, null);
  t.is(await download(there!.download!.url), 'content');
});

test('an artifact of another organization is as if it were not there', async (t) => {
  const [mine, other] = [newScope(), newScope()];
  const scanId = newId();
  const { artifact } = await client.createArtifact(other, aSource({ scanId }));
  t.is(await client.getArtifact(mine, artifact.id), null);
  t.is((await client.listArtifacts(mine, { scanId, type: null, pageSize: 10, pageToken: null })).totalCount, 0);
  t.is(await client.deleteArtifacts(mine, [artifact.id]), 0);
  t.is((await client.getArtifact(systemScope('test'), artifact.id))?.artifact.id, artifact.id);
  t.is(await client.deleteArtifacts(systemScope('test'), [artifact.id, newId()]), 1);
  t.is(await client.getArtifact(other, artifact.id), null);
});

test('deletes more than one call takes', async (t) => {
  const scope = newScope();
  const { artifact } = await client.createArtifact(scope, aSource());
  t.is(await client.deleteArtifacts(scope, [...Array.from({ length: 2500 }, () => newId()), artifact.id]), 1);
  t.is(await client.deleteArtifacts(scope, []), 0);
});

test('lists page by page', async (t) => {
  const scope = newScope();
  const scanId = newId();
  for (let index = 0; index < 3; index += 1) await client.createArtifact(scope, aSource({ scanId }));
  const first = await client.listArtifacts(scope, { scanId, type: 'source_code', pageSize: 2, pageToken: null });
  const second = await client.listArtifacts(scope, { scanId, type: 'source_code', pageSize: 2, pageToken: first.nextPageToken });
  t.deepEqual([first.artifacts.length, second.artifacts.length, second.nextPageToken, second.totalCount], [2, 1, null, 3]);
});

test('carries the service’s violations', async (t) => {
  const error = await t.throwsAsync<DomainError>(client.createArtifact(newScope(), aSource({ sha256: 'x' })));
  t.deepEqual([error.code, error.violations[0]?.field], ['invalid_argument', 'sha256']);
});

test('a quota is told as one, at the first try', async (t) => {
  const scope = newScope();
  const limits = { bytes: 10n, artifacts: 0n, uploadBytes: 0n };
  await service.rpc.call('setQuota', { organizationId: scope.organizationId, limits });
  const error = await t.throwsAsync<DomainError>(client.createArtifact(scope, aSource({ sizeBytes: 11 })));
  t.is(error.code, 'resource_exhausted');
  t.regex(error.message, /may keep 10 bytes and keeps 0; the upload has 11; delete artifacts/);
});

test('the service answers a ping', async (t) => {
  await t.notThrowsAsync(client.ping(AbortSignal.timeout(3000)));
});
