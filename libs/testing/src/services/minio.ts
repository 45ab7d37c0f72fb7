import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@cloudscan/process';
import { eventually } from '../eventually.ts';
import type { Teardown } from '../test-file.ts';
import { startServerProgram } from './server-program.ts';

/** A real MinIO that encrypts by a key of its own. */
export interface TestMinio {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Starts `minio`, from PATH or by Docker, with one bucket, over a folder that goes with the test. Ask `requires(test, 'minio')` first. */
export async function startMinio(t: Teardown, { bucket }: { readonly bucket: string }): Promise<TestMinio> {
  const dataDir = mkdtempSync(join(tmpdir(), 'cloudscan-minio-'));
  const home = join(dataDir, 'home');
  mkdirSync(home);
  // To MinIO a folder of its drive is a bucket.
  mkdirSync(join(dataDir, 'data', bucket), { recursive: true });
  const port = await freePort();
  const credentials = { accessKeyId: 'test-user', secretAccessKey: randomBytes(20).toString('hex') };
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  await startServerProgram(t, {
    program: 'minio',
    image: 'minio/minio:RELEASE.2025-09-07T16-13-09Z',
    port,
    folder: dataDir,
    args: (host) => ['server', '--quiet', '--address', `${host}:${port}`, '--console-address', '127.0.0.1:0', join(dataDir, 'data')],
    env: {
      HOME: home,
      MINIO_ROOT_USER: credentials.accessKeyId,
      MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
      MINIO_KMS_SECRET_KEY: `test-key:${randomBytes(32).toString('base64')}`,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await eventually(() => isReady(endpoint), { what: 'minio', timeoutMs: 30_000 });
  return { endpoint, region: 'us-east-1', ...credentials };
}

async function isReady(endpoint: string): Promise<boolean> {
  const answer = await fetch(`${endpoint}/minio/health/ready`).catch(() => null);
  await answer?.body?.cancel();
  return answer?.status === 200;
}
