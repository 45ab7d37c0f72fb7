import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { upload } from './upload.ts';

/** Uploads to a server that answers each try by a status, 0 for a connection that breaks; answers what the server was sent. */
async function uploadTo(t: ExecutionContext, statuses: readonly number[]): Promise<readonly string[]> {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push(Buffer.concat(chunks).toString());
    const status = statuses[received.length - 1] ?? 500;
    if (status === 0) request.socket.destroy();
    else response.writeHead(status).end(status === 403 && received.length > 1 ? '<Code>UnauthorizedBlobOverwrite</Code>' : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-upload-test-'));
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, 'source.tar.gz');
  writeFileSync(path, 'source');
  const packed = { path, sizeBytes: 6, sha256: '', fileCount: 1, skipped: [] };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await upload(packed, url, { 'Content-Length': '6', 'Content-Type': 'application/gzip' }, new AbortController().signal, () => undefined);
  return received;
}

test('a connection that breaks and a server that is away are tried again, with the whole source', async (t) => {
  t.deepEqual(await uploadTo(t, [0, 503, 200]), ['source', 'source', 'source']);
});

test('a source that an earlier try brought is brought', async (t) => {
  for (const status of [412, 409, 403]) t.deepEqual(await uploadTo(t, [0, status]), ['source', 'source']);
});

test('what is refused is told at once', async (t) => {
  await t.throwsAsync(uploadTo(t, [403, 200]), { message: /HTTP 403/ });
});
