import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storage } from '@cloudscan/contracts';
import { RpcClient } from '@cloudscan/grpc';
import { eventually, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';
import test from 'ava';
import { failureOf, filesIn, newFolder, upload } from './support/storage.ts';
import type { Rpc } from './support/storage.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly rpc: Rpc;
  readonly stderr: () => string;
}

function environment({ storageConfig }: TestDatabase, dataDir: string): Record<string, string> {
  return {
    DB_HOST: storageConfig.host,
    DB_PORT: String(storageConfig.port),
    DB_USER: storageConfig.user,
    DB_PASSWORD: storageConfig.password.reveal(),
    DB_NAME: storageConfig.name,
    DB_MAX_CONNS: '5',
    STORAGE_DATA_DIR: dataDir,
    STORAGE_SIGNING_KEY: 'a signing key of thirty-two bytes',
    STORAGE_GRPC_PORT: '0',
    STORAGE_HTTP_PORT: '0',
    METRICS_PORT: '0',
    STORAGE_COLLECT_INTERVAL_SECONDS: '1',
    STORAGE_COLLECT_GRACE_SECONDS: '0',
  };
}

function spawnStorage(t: Teardown, env: Record<string, string>): { readonly child: ChildProcess; readonly stderr: () => string } {
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return { child, stderr: () => stderr };
}

async function startStorage(t: Teardown, env: Record<string, string>): Promise<Running> {
  const { child, stderr } = spawnStorage(t, env);
  const started = await eventually(() => /"grpcPort":(\d+)/.exec(stderr()), { timeoutMs: 30_000, what: 'the service to serve' });
  const rpc = new RpcClient(storage.StorageServiceService, { host: '127.0.0.1', port: Number(started[1]) });
  t.teardown(() => rpc.close());
  return { child, rpc, stderr };
}

test('killed in the middle of a deletion, the next process finishes it', async (t) => {
  const database = await testDatabase(t);
  const dataDir = newFolder(t);
  const env = environment(database, dataDir);
  const first = await startStorage(t, { ...env, STORAGE_COLLECT_INTERVAL_SECONDS: '3600', STORAGE_COLLECT_GRACE_SECONDS: '3600' });
  const ids: string[] = [];
  for (let index = 0; index < 300; index += 10) {
    ids.push(...(await Promise.all(Array.from({ length: 10 }, () => upload(first.rpc, 'some content')))));
  }
  const objectsLeft = (): number => filesIn({ dataDir }).objects.length;
  const trash = watch(join(dataDir, 'trash'));
  t.teardown(() => trash.close());
  const begun = once(trash, 'change');
  const deletion = first.rpc.call('deleteArtifacts', { ids, organizationId: '' });
  await begun;
  first.child.kill('SIGKILL');
  t.is((await failureOf(deletion)).code, 'unavailable');
  const between = objectsLeft();
  t.true(between > 0 && between < 300, `killed with ${between} of 300 objects left`);
  const rows = await database.query<{ status: string }>('SELECT DISTINCT status FROM storage.artifacts');
  t.deepEqual(rows, [{ status: 'deleting' }]);

  await startStorage(t, env);
  await eventually(async () => (await database.query('SELECT FROM storage.artifacts')).length === 0, { what: 'the rows to go' });
  await eventually(() => objectsLeft() === 0 && filesIn({ dataDir }).others.length === 0, { what: 'the files to go' });
});

test('killed in the middle of an upload, the next process leaves nothing of it', async (t) => {
  const database = await testDatabase(t);
  const dataDir = newFolder(t);
  const env = environment(database, dataDir);
  const first = await startStorage(t, { ...env, STORAGE_COLLECT_INTERVAL_SECONDS: '3600', STORAGE_COLLECT_GRACE_SECONDS: '3600' });
  const { uploadUrl } = await first.rpc.call('createArtifact', {
    ...{ scanId: '', organizationId: '019bc700-0000-7000-8000-000000000001', type: storage.ArtifactType.LOG },
    ...{ filename: '', contentType: '', sizeBytes: 0n, expiresInHours: 0, sha256: '', urlSeconds: 0 },
  });
  const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(100_000)) });
  const uploading = fetch(uploadUrl, { method: 'PUT', body, duplex: 'half' } as RequestInit);
  await eventually(() => filesIn({ dataDir }).others.length === 1, { what: 'the upload to begin' });
  first.child.kill('SIGKILL');
  await t.throwsAsync(uploading);
  t.is(filesIn({ dataDir }).others.length, 1);
  await startStorage(t, env);
  await eventually(() => filesIn({ dataDir }).others.length === 0, { what: 'the rest of the upload to go' });
  t.is(filesIn({ dataDir }).objects.length, 0);
});

test('stops cleanly on SIGTERM', async (t) => {
  const database = await testDatabase(t);
  const { child, stderr } = await startStorage(t, environment(database, newFolder(t)));
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  t.is(code, 0, stderr());
});

test('says in one sentence that a port is in use', async (t) => {
  const database = await testDatabase(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => void taken.close());
  const port = String((taken.address() as AddressInfo).port);
  for (const name of ['STORAGE_GRPC_PORT', 'STORAGE_HTTP_PORT']) {
    const { child, stderr } = spawnStorage(t, { ...environment(database, newFolder(t)), [name]: port, LOG_LEVEL: 'error' });
    const [code] = (await once(child, 'exit')) as [number | null];
    t.is(code, 1);
    t.is(stderr(), `port ${port} is in use by another process; stop it or choose another port\n`);
  }
});

test('says in one sentence that the database cannot be reached', async (t) => {
  const database = await testDatabase(t);
  const { child, stderr } = spawnStorage(t, { ...environment(database, newFolder(t)), DB_PORT: '1' });
  const [code] = (await once(child, 'exit')) as [number | null];
  t.is(code, 1);
  t.regex(stderr(), /the database is not available/);
});
