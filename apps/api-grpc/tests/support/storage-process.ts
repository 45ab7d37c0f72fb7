import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from '@cloudscan/config';
import { HealthClient } from '@cloudscan/grpc';
import { endProcess, freePort } from '@cloudscan/process';
import { eventually } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';

const main = fileURLToPath(new URL('../../../storage/src/main.ts', import.meta.url));

/** The real storage service, as a process of its own on a test's database. */
export async function startStorageProcess(t: Teardown, { storageConfig }: TestDatabase): Promise<Endpoint> {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-storage-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const endpoint = { host: '127.0.0.1', port: await freePort() };
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      LOG_LEVEL: 'error',
      STORAGE_GRPC_PORT: String(endpoint.port),
      STORAGE_HTTP_PORT: String(await freePort()),
      METRICS_PORT: '0',
      STORAGE_DATA_DIR: folder,
      STORAGE_SIGNING_KEY: randomBytes(32).toString('hex'),
      DB_HOST: storageConfig.host,
      DB_PORT: String(storageConfig.port),
      DB_USER: storageConfig.user,
      DB_PASSWORD: storageConfig.password.reveal(),
      DB_NAME: storageConfig.name,
      DB_SSLMODE: 'disable',
      DB_MIN_CONNS: '0',
    },
  });
  t.teardown(() => endProcess(child, 5000));
  using health = new HealthClient(endpoint);
  await eventually(() => health.check(AbortSignal.timeout(1000)).then(() => true), { what: 'the storage service' });
  return endpoint;
}
