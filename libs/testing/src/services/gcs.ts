import { generateKeyPairSync } from 'node:crypto';
import { freePort } from '@cloudscan/process';
import { eventually } from '../eventually.ts';
import type { Teardown } from '../test-file.ts';
import { GcsFront } from './gcs-front.ts';
import { startServerProgram } from './server-program.ts';

export interface TestGcs {
  readonly endpoint: string;
  readonly projectId: string;
  /** Of a service account that the front knows. */
  readonly clientEmail: string;
  /** PEM (PKCS 8). */
  readonly privateKey: string;
}

/**
 * Starts `fake-gcs-server`, from PATH or by Docker, with one bucket, in memory, behind a {@link GcsFront}. Ask
 * `requires(test, 'fake-gcs-server')` first.
 */
export async function startGcs(t: Teardown, { bucket }: { readonly bucket: string }): Promise<TestGcs> {
  const port = await freePort();
  await startServerProgram(t, {
    program: 'fake-gcs-server',
    image: 'fsouza/fake-gcs-server:1.52.3',
    port,
    args: (host) => ['-scheme', 'http', '-host', host, '-port', String(port), '-backend', 'memory', '-log-level', 'error'],
  });
  const emulator = new URL(`http://127.0.0.1:${port}`);
  await eventually(() => hasBucket(emulator, bucket), { what: 'fake-gcs-server', timeoutMs: 30_000 });
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const clientEmail = 'tests@test-project.iam.gserviceaccount.com';
  const front = new GcsFront(emulator, { clientEmail, publicKey });
  await front.start();
  t.teardown(() => front.stop());
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { endpoint: `http://127.0.0.1:${front.port}`, projectId: 'test-project', clientEmail, privateKey: pem };
}

/** Makes the bucket as soon as somebody answers. */
async function hasBucket(emulator: URL, name: string): Promise<boolean> {
  const body = JSON.stringify({ name });
  const answer = await fetch(new URL('/storage/v1/b', emulator), { method: 'POST', body }).catch(() => null);
  await answer?.body?.cancel();
  return answer?.status === 200 || answer?.status === 409;
}
