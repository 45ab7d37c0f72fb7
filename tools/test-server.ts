import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@cloudscan/config';
import { EmbeddedPostgres } from '@cloudscan/embedded-postgres';

export interface TestServer extends AsyncDisposable {
  /** Of the superuser, as `TEST_DATABASE_URL` wants it. */
  readonly url: string;
}

/**
 * Boots a PostgreSQL for tests in a folder of its own, which disappears with it. What a crash would lose is not worth the
 * wait for a disk.
 *
 * @param binDir of another version than the embedded one
 */
export async function startTestServer(binDir?: string): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-test-'));
  const server = new EmbeddedPostgres({
    folder,
    binDir,
    port: 0,
    password: new Secret(randomBytes(16).toString('hex')),
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '500',
      max_locks_per_transaction: '256',
    },
  });
  const dispose = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await server.start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url: server.url, [Symbol.asyncDispose]: dispose };
}
