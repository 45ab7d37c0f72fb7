import { scopeOf, systemScope } from '@cloudscan/auth';
import type { DomainError } from '@cloudscan/domain';
import type { NewArtifact } from '@cloudscan/orchestration';
import { GrpcStorageClient } from '../src/index.ts';
import { newId } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import test from 'ava';
import { startOriginalService } from './original-service.ts';

const hourMs = 3_600_000;

async function start(t: Teardown, timeoutMs = 20_000) {
  const service = await startOriginalService(t);
  const client = new GrpcStorageClient({ host: '127.0.0.1', port: service.port }, { timeoutMs });
  t.teardown(() => client.close());
  return { service, client, scope: scopeOf({ organizationId: newId(), actor: 'test' }) };
}

function anArtifactOf(scanId: string): NewArtifact {
  return {
    scanId,
    type: 'scan_results',
    filename: 'results.sarif',
    contentType: 'application/json',
    sizeBytes: 2 ** 40,
    sha256: 'a'.repeat(64),
  };
}

test('creates an artifact and takes the contract’s defaults for what is not said', async (t) => {
  const { client, scope } = await start(t);
  const scanId = newId();
  const before = Date.now();
  const { artifact, upload } = await client.createArtifact(scope, anArtifactOf(scanId));
  t.is(artifact.organizationId, scope.organizationId);
  t.is(artifact.scanId, scanId);
  t.is(artifact.type, 'scan_results');
  t.is(artifact.sizeBytes, 2 ** 40);
  t.is(artifact.status, 'created');
  t.is(artifact.sha256, '');
  t.is(upload.url, `http://old/upload/${artifact.id}`);
  t.deepEqual({ ...upload.headers }, { 'x-old': 'header' });
  t.true(upload.expiresAt.getTime() >= before + 24 * hourMs && upload.expiresAt.getTime() <= Date.now() + 24 * hourMs);
});

test('an artifact that can be downloaded is available and has no upload', async (t) => {
  const { client, scope } = await start(t);
  const { artifact } = await client.createArtifact(scope, anArtifactOf(newId()));
  const before = Date.now();
  const found = await client.getArtifact(scope, artifact.id);
  t.is(found?.artifact.status, 'available');
  t.is(found?.download?.url, `http://old/download/${artifact.id}`);
  t.true(found!.download!.expiresAt.getTime() >= before + hourMs && found!.download!.expiresAt.getTime() <= Date.now() + hourMs);
  t.is(found?.upload, null);
});

test('what is not there, or belongs to another organization, is null', async (t) => {
  const { client, scope } = await start(t);
  const other = scopeOf({ organizationId: newId(), actor: 'test' });
  const { artifact } = await client.createArtifact(other, anArtifactOf(newId()));
  t.is(await client.getArtifact(scope, newId()), null);
  t.is(await client.getArtifact(scope, artifact.id), null);
  t.is((await client.getArtifact(systemScope('test'), artifact.id))?.artifact.id, artifact.id);
});

test('lists the artifacts of a scan', async (t) => {
  const { client, scope } = await start(t);
  const scanId = newId();
  const { artifact } = await client.createArtifact(scope, anArtifactOf(scanId));
  await client.createArtifact(scopeOf({ organizationId: newId(), actor: 'test' }), anArtifactOf(scanId));
  const page = await client.listArtifacts(scope, { scanId, type: null, pageSize: 10, pageToken: null });
  t.deepEqual(
    page.artifacts.map(({ id }) => id),
    [artifact.id],
  );
  t.is(page.nextPageToken, null);
});

test('deletes one by one where the service has no DeleteArtifacts, and asks for it once', async (t) => {
  const { client, scope, service } = await start(t);
  const ids: string[] = [];
  for (let index = 0; index < 20; index += 1) ids.push((await client.createArtifact(scope, anArtifactOf(newId()))).artifact.id);
  t.is(await client.deleteArtifacts(scope, [...ids.slice(0, 15), ids[0]!, newId()]), 15);
  t.is(await client.deleteArtifacts(scope, ids), 5);
  t.is(service.artifacts.size, 0);
  t.is(service.calls.filter((name) => name === 'DeleteArtifact').length, 20);
});

test('one by one, too, another organization’s artifacts stay', async (t) => {
  const { client, scope, service } = await start(t);
  const { artifact } = await client.createArtifact(scopeOf({ organizationId: newId(), actor: 'test' }), anArtifactOf(newId()));
  t.is(await client.deleteArtifacts(scope, [artifact.id]), 0);
  t.is(service.artifacts.size, 1);
  t.is(await client.deleteArtifacts(systemScope('test'), [artifact.id]), 1);
});

test('tries again while the service restarts, a bounded number of times', async (t) => {
  const { client, scope, service } = await start(t);
  const { artifact } = await client.createArtifact(scope, anArtifactOf(newId()));
  service.failNext(2);
  t.is((await client.getArtifact(scope, artifact.id))?.artifact.id, artifact.id);
  service.calls.length = 0;
  service.failNext(1000);
  const error = await t.throwsAsync<DomainError>(client.getArtifact(scope, artifact.id));
  t.is(error.code, 'unavailable');
  t.is(service.calls.length, 6);
});

test('gives up at the deadline', async (t) => {
  const { client, scope, service } = await start(t, 200);
  service.hang();
  const startedAt = Date.now();
  t.is((await t.throwsAsync<DomainError>(client.getArtifact(scope, newId()))).code, 'deadline_exceeded');
  t.true(Date.now() - startedAt < 5000);
});

test('a service that is not there is unavailable', async (t) => {
  const client = new GrpcStorageClient({ host: '127.0.0.1', port: 1 }, { timeoutMs: 300 });
  t.teardown(() => client.close());
  const error = await t.throwsAsync<DomainError>(client.getArtifact(systemScope('test'), newId()));
  t.true(['unavailable', 'deadline_exceeded'].includes(error.code));
  await t.throwsAsync(client.ping(AbortSignal.timeout(3000)));
});

test('a ping takes any answer for life, since older services have no health service', async (t) => {
  const { client } = await start(t);
  await t.notThrowsAsync(client.ping(AbortSignal.timeout(3000)));
});
