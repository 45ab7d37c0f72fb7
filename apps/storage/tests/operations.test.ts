import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { HealthClient } from '@cloudscan/grpc';
import { eventually } from '@cloudscan/testing';
import { silentLogger } from '@cloudscan/telemetry';
import { Client, credentials } from '@grpc/grpc-js';
import test from 'ava';
import { createApp } from '../src/create-app.ts';
import { aRequest, failureOf, filesIn, getArtifact, startStorage, upload } from './support/storage.ts';

test('tells of its health and its services by gRPC, and of readiness and metrics by HTTP', async (t) => {
  const service = await startStorage(t);
  const { rpc, app } = service;
  await getArtifact(rpc, await upload(rpc, 'content'));
  using health = new HealthClient({ host: '127.0.0.1', port: app.grpcPort });
  await t.notThrowsAsync(health.check(AbortSignal.timeout(5000)));

  const raw = new Client(`127.0.0.1:${app.grpcPort}`, credentials.createInsecure());
  const bytes = (message: Buffer): Buffer => message;
  const reflection = raw.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', bytes, bytes);
  // ServerReflectionRequest.list_services = 7
  reflection.write(Buffer.from([0x3a, 0x00]));
  const [answer] = (await once(reflection, 'data')) as [Buffer];
  t.true(answer.includes('cloudscan.storage.StorageService'));
  reflection.end();
  raw.close();

  const ops = async (path: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${app.opsPort}${path}`);
    t.is(response.status, 200, path);
    return response.text();
  };
  await ops('/health');
  await ops('/ready');
  const metrics = await ops('/metrics');
  t.regex(metrics, /cloudscan_rpc_handled_total\{method="\/cloudscan\.storage\.StorageService\/GetArtifact",code="OK",/);
  t.regex(metrics, /cloudscan_storage_transfers_total\{method="PUT",status="200",/);
});

test('is not ready without its store', async (t) => {
  const { app, files } = await startStorage(t);
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${app.opsPort}/ready`)).status;
  t.is(await ready(), 200);
  rmSync(files.dataDir, { recursive: true });
  await eventually(async () => (await ready()) === 503, { what: 'the loss to be noticed' });
});

test('told to stop it takes no more work, and lets an upload finish that has begun', async (t) => {
  const { app, rpc, files } = await startStorage(t);
  const { uploadUrl, uploadHeaders } = await rpc.call('createArtifact', aRequest());
  const released = Promise.withResolvers<void>();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('first half, '));
      await released.promise;
      controller.enqueue(Buffer.from('second half'));
      controller.close();
    },
  });
  const uploading = fetch(uploadUrl, { method: 'PUT', headers: uploadHeaders, body, duplex: 'half' } as RequestInit);
  await eventually(() => filesIn(files).others.length === 1, { what: 'the upload to begin' });
  const { port } = new URL(uploadUrl);
  const stopped = app.stop();
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`).catch(() => null)) === null, { what: 'the edge to close' });
  t.is((await fetch(`http://127.0.0.1:${app.opsPort}/ready`)).status, 503, 'load balancers look elsewhere');
  const refused = await failureOf(rpc.call('createArtifact', aRequest()));
  t.is(refused.code, 'unavailable');
  released.resolve();
  t.is((await uploading).status, 200);
  await stopped;
  t.is(filesIn(files).objects.length, 1);
});

test('starting and stopping again and again leaves nothing open', async (t) => {
  const { config, database } = await startStorage(t);
  for (let round = 0; round < 3; round += 1) {
    const apps = await Promise.all([1, 2].map(() => createApp(config, { log: silentLogger })));
    await Promise.all(apps.map((app) => app.start()));
    await Promise.all(apps.flatMap((app) => [app.stop(), app.stop()]));
    const ports = apps.flatMap(({ opsPort, httpPort }) => [opsPort, httpPort]);
    t.deepEqual([...new Set(ports)], [0], 'no port is listened on');
  }
  const sessions = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'cloudscan-storage%'`;
  const own = config.database.maxConnections + 1;
  await eventually(async () => (await database.query(sessions)).length <= own, { what: 'the sessions of stopped services to end' });
});
