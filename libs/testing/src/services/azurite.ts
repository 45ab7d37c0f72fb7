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
import type { Teardown } from '../test-file.ts';
import { startServerProgram } from './server-program.ts';

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
 * Starts Microsoft's emulator of Azure Blob Storage, from PATH or by Docker, over a folder that goes with the test. It
 * checks shared keys and SAS as Azure does. Ask `requires(test, 'azurite')` first.
 */
export async function startAzurite(t: Teardown, { container, certificate }: AzuriteOptions): Promise<TestAzurite> {
  const dataDir = mkdtempSync(join(tmpdir(), 'cloudscan-azurite-'));
  const port = await freePort();
  const account = { accountName: 'testaccount', accountKey: randomBytes(64).toString('base64') };
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  await startServerProgram(t, {
    program: 'azurite-blob',
    image: 'mcr.microsoft.com/azure-storage/azurite:3.35.0',
    port,
    folder: dataDir,
    args: (host) => [
      ...['--location', dataDir, '--blobHost', host, '--blobPort', String(port), '--silent', '--disableTelemetry'],
      // Clients name newer versions of the API than it knows.
      ...['--skipApiVersionCheck', '--disableProductStyleUrl'],
      ...(certificate === undefined ? [] : ['--oauth', 'basic', ...certificateFiles(certificate, dataDir)]),
    ],
    env: { AZURITE_ACCOUNTS: `${account.accountName}:${account.accountKey}` },
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
