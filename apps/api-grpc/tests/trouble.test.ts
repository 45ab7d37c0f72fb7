import { once } from 'node:events';
import { connect } from 'node:http2';
import { organization, scan } from '@cloudscan/contracts';
import type { DomainError } from '@cloudscan/domain';
import { HealthClient } from '@cloudscan/grpc';
import { eventually, newId, requires, startRedis, testFile } from '@cloudscan/testing';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aFinding, startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';

const file = testFile(test);
let api: Api;
test.before(async () => {
  api = await startApi(file);
});

const codeOf = async (t: ExecutionContext, call: Promise<unknown>): Promise<string | undefined> =>
  (await t.throwsAsync<DomainError>(call))?.code;

async function metricsOf({ app }: Api): Promise<string> {
  return (await fetch(`http://127.0.0.1:${app.opsPort}/metrics`)).text();
}

/** A storage service that answers only when it is let, and knows when it was asked. */
function holdStorage({ storage }: Api) {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  storage.gate = () => {
    asked.resolve();
    return released.promise;
  };
  return {
    asked: asked.promise,
    release: () => {
      storage.recover();
      released.resolve();
    },
  };
}

test.serial('a caller never waits past its deadline, and what it gave up on is not created', async (t) => {
  const tenant = await Tenant.create(api);
  const { asked, release } = holdStorage(api);
  const startedAt = performance.now();
  const call = api.scans.call('createScan', tenant.createScanRequest(), { deadlineMs: 1000 });
  await asked;
  t.is(await codeOf(t, call), 'deadline_exceeded');
  t.true(performance.now() - startedAt < 5000);
  const abandoned = /CreateScan",code="(DEADLINE_EXCEEDED|CANCELLED)"/;
  await eventually(async () => abandoned.test(await metricsOf(api)), { what: 'the server to give up too' });
  const deletedBefore = api.storage.deleted.length;
  release();
  await eventually(() => api.storage.deleted.length > deletedBefore, { what: 'the removal of the upload that was announced in vain' });
  t.is(api.storage.countOf(tenant.organizationId), 0);
  const { totalCount } = await api.scans.call('listScans', scan.ListScansRequest.create({ organizationId: tenant.organizationId }));
  t.is(totalCount, 0);
});

test.serial('a storage service that is away makes what needs it UNAVAILABLE, and leaves the rest alone', async (t) => {
  const tenant = await Tenant.create(api);
  const [pending, completed] = [await tenant.pending(), await tenant.completed([aFinding()])];
  api.storage.fail();
  try {
    t.is(await codeOf(t, api.scans.call('createScan', tenant.createScanRequest())), 'unavailable');
    t.is(await codeOf(t, api.scans.call('startScan', { id: pending })), 'unavailable');
    t.is((await api.scans.call('getScan', { id: completed })).totalFindings, 1);
    await t.notThrowsAsync(api.scans.call('deleteScan', { id: completed }));
    await t.notThrowsAsync(api.scans.call('cancelScan', { id: pending }));
    const ready = await fetch(`http://127.0.0.1:${api.app.opsPort}/ready`);
    t.is(ready.status, 200, 'reading goes on, so the process stays in service');
    const { dependencies } = (await ready.json()) as { dependencies: Record<string, { state: string }> };
    t.is(dependencies['storage']?.state, 'down');
    t.is(dependencies['postgresql']?.state, 'up');
  } finally {
    api.storage.recover();
  }
});

test('a draining server finishes the call at work, ends streams, and takes no new calls', async (t) => {
  const leaving = await startApi(t);
  const tenant = await Tenant.create(leaving);
  const watched = await tenant.pending();
  const seen: scan.ScanEvent[] = [];
  const stream = (async () => {
    for await (const event of leaving.scans.stream('watchScan', { scanId: watched, afterSequence: 0n })) seen.push(event);
  })();
  const ended = t.throwsAsync<DomainError>(stream);
  await eventually(() => seen.length === 1);
  const { asked, release } = holdStorage(leaving);
  const call = leaving.scans.call('createScan', tenant.createScanRequest());
  await asked;
  const stopped = leaving.app.stop();
  t.is((await ended)?.code, 'unavailable');
  release();
  t.is((await call).scan?.status, scan.ScanStatus.PENDING);
  await stopped;
  t.is(await codeOf(t, leaving.scans.call('getScan', { id: watched }, { deadlineMs: 500 })), 'unavailable');
});

test('a server can be stopped before it was started, and twice', async (t) => {
  const other = await startApi(t);
  await Promise.all([other.app.stop(), other.app.stop()]);
  await other.app.stop();
  t.pass();
});

test('tells health checkers that it serves', async (t) => {
  using health = new HealthClient({ host: '127.0.0.1', port: api.app.grpcPort });
  await t.notThrowsAsync(health.check(new AbortController().signal));
});

test('describes itself by reflection', async (t) => {
  const session = connect(`http://127.0.0.1:${api.app.grpcPort}`);
  t.teardown(() => session.close());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  // ServerReflectionRequest { list_services: "" }: field 7, length 0, behind gRPC's five bytes of framing.
  stream.end(Buffer.from([0, 0, 0, 0, 2, 0x3a, 0]));
  let answer = '';
  stream.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  await once(stream, 'end');
  for (const name of ['cloudscan.ScanService', 'cloudscan.OrganizationService', 'cloudscan.ProjectService'])
    t.true(answer.includes(name), name);
});

test('a message above the limit is refused, one below is taken', async (t) => {
  const small = await startApi(t, { env: { GRPC_MAX_MESSAGE_BYTES: '65536' }, beside: api });
  const tenant = await Tenant.create(small);
  const scanId = await tenant.running();
  const send = (bytes: number) =>
    small.scans.call(
      'createFindings',
      scan.CreateFindingsRequest.create({ scanId, findings: [aFinding({ description: 'x'.repeat(bytes) })] }),
    );
  t.is((await send(60_000)).createdCount, 1);
  t.is(await codeOf(t, send(70_000)), 'resource_exhausted');
});

test('a request that is wrong all over is answered by its first mistakes, in a size that every client takes', async (t) => {
  const findings = Array.from({ length: 5000 }, () => aFinding({ severity: 0, title: '', scanType: 0, cvssScore: 99 }));
  const request = scan.CreateFindingsRequest.create({ scanId: newId(), findings });
  const error = await t.throwsAsync<DomainError>(api.scans.call('createFindings', request));
  t.is(error?.code, 'invalid_argument');
  t.is(error?.violations.length, 25);
  t.is(error?.violations[0]?.field, 'findings[0].scan_type');
  t.true(error!.message.length + JSON.stringify(error!.violations).length * 1.34 < 8000);
});

test('counts its calls by method and code', async (t) => {
  await t.throwsAsync(api.scans.call('getScan', { id: newId() }));
  const metrics = await metricsOf(api);
  t.regex(
    metrics,
    /cloudscan_rpc_handled_total\{method="\/cloudscan.ScanService\/GetScan",code="NOT_FOUND",service="cloudscan-api-grpc"\} [1-9]/,
  );
});

test('a name that is taken is ALREADY_EXISTS, and what is in use cannot be deleted', async (t) => {
  const tenant = await Tenant.create(api);
  await tenant.pending();
  const { name } = await api.organizations.call('getOrganization', { id: tenant.organizationId, name: '' });
  const project = await api.projects.call('getProject', { id: tenant.projectId });
  t.is(
    await codeOf(t, api.organizations.call('createOrganization', organization.CreateOrganizationRequest.create({ name }))),
    'already_exists',
  );
  t.is(await codeOf(t, api.projects.call('createProject', organization.CreateProjectRequest.create(project))), 'already_exists');
  t.is(await codeOf(t, api.organizations.call('deleteOrganization', { id: tenant.organizationId })), 'failed_precondition');
  t.is(await codeOf(t, api.projects.call('deleteProject', { id: tenant.projectId })), 'failed_precondition');
  await api.scans.call('deleteProjectScans', { projectId: tenant.projectId });
  await api.projects.call('deleteProject', { id: tenant.projectId });
  await api.organizations.call('deleteOrganization', { id: tenant.organizationId });
  t.is(await codeOf(t, api.organizations.call('getOrganization', { id: tenant.organizationId, name: '' })), 'not_found');
});

/** However many processes have a scan in their caches: who was told that it is deleted finds it nowhere. */
async function deletesEverywhere(t: ExecutionContext, one: Api, other: Api): Promise<void> {
  const tenant = await Tenant.create(one);
  for (let round = 0; round < 5; round += 1) {
    const id = await tenant.completed();
    const read = async (server: Api) => server.scans.call('getScan', { id }).catch((error: DomainError) => error.code);
    const readers = Array.from({ length: 8 }, async (_, index) => {
      for (let reads = 0; reads < 10; reads += 1) await read(index % 2 === 0 ? one : other);
    });
    await one.scans.call('deleteScan', { id });
    t.deepEqual(await Promise.all([read(one), read(other)]), ['not_found', 'not_found']);
    await Promise.all(readers);
    t.deepEqual(await Promise.all([read(one), read(other)]), ['not_found', 'not_found']);
  }
}

test('a deleted scan is found in no process, with caches in memory', async (t) => {
  await deletesEverywhere(t, api, await startApi(t, { beside: api }));
});

requires(test, 'redis')('a deleted scan is found in no process, with Redis, and when Redis dies', async (t) => {
  const redis = await startRedis(t);
  const env = { REDIS_HOST: redis.host, REDIS_PORT: String(redis.port) };
  const [one, other] = [await startApi(t, { env, beside: api }), await startApi(t, { env, beside: api })];
  await deletesEverywhere(t, one, other);
  const tenant = await Tenant.create(one);
  const id = await tenant.completed();
  await other.scans.call('getScan', { id });
  await redis.stop();
  t.is((await other.scans.call('getScan', { id })).id, id, 'a Redis that is down costs no answer');
  await one.scans.call('deleteScan', { id }, { deadlineMs: 20_000 });
  t.is(await codeOf(t, other.scans.call('getScan', { id })), 'not_found');
  await redis.start();
  t.is(await codeOf(t, other.scans.call('getScan', { id })), 'not_found');
});
