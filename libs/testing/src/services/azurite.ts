import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { freePort } from '@cloudscan/process';
import { eventually } from '../eventually.ts';
import type { ServerCertificate } from '../kubernetes/certificate.ts';
import { findOnPath } from '../requires.ts';
import type { Teardown } from '../test-file.ts';

export interface TestAzurite {
  /** With the account as its path. */
  readonly endpoint: string;
  readonly accountName: string;
  readonly accountKey: string;
}

export interface AzuriteOptions {
  /** Made at the start; by HTTPS this process has to trust the certificate. */
  readonly container: string;
  /** For 127.0.0.1: serves HTTPS by it, and takes bearer tokens, whose signature it does not look at. Default: HTTP. */
  readonly certificate?: ServerCertificate;
}

/**
 * Starts Microsoft's emulator of Azure Blob Storage, `azurite-blob` from PATH, over a folder that goes with the test. It
 * checks shared keys and SAS as Azure does. Ask `requires(test, 'azurite')` first.
 */
export async function startAzurite(t: Teardown, { container, certificate }: AzuriteOptions): Promise<TestAzurite> {
  const program = findOnPath('azurite-blob');
  if (program === null) throw new Error('no azurite-blob on PATH');
  const dataDir = mkdtempSync(join(tmpdir(), 'cloudscan-azurite-'));
  const port = await freePort();
  const account = { accountName: 'testaccount', accountKey: randomBytes(64).toString('base64') };
  const server = spawn(
    program,
    [
      ...['--location', dataDir, '--blobPort', String(port), '--silent', '--disableTelemetry'],
      // Clients name newer versions of the API than it knows.
      ...['--skipApiVersionCheck', '--disableProductStyleUrl'],
      ...(certificate === undefined ? [] : ['--oauth', 'basic', ...certificateFiles(certificate, dataDir)]),
    ],
    { stdio: 'ignore', env: { PATH: process.env['PATH'], AZURITE_ACCOUNTS: `${account.accountName}:${account.accountKey}` } },
  );
  t.teardown(async () => {
    if (server.exitCode === null) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    rmSync(dataDir, { recursive: true, force: true });
  });
  await eventually(() => isListening(port), { what: 'azurite', timeoutMs: 30_000 });
  const endpoint = `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}/${account.accountName}`;
  const credential = new StorageSharedKeyCredential(account.accountName, account.accountKey);
  await new BlobServiceClient(endpoint, credential).createContainer(container);
  return { endpoint, ...account };
}

function certificateFiles({ certificate, key }: ServerCertificate, folder: string): readonly string[] {
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, certificate);
  writeFileSync(files.key, key);
  return ['--cert', files.cert, '--key', files.key];
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}
