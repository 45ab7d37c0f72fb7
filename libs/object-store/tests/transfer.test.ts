import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import { openRequest } from './http.ts';

const mebibyte = 1024 ** 2;
/** Set TRANSFER_MEBIBYTES=1024 to measure; the default shows the same in a moment. */
const sizeBytes = Number(process.env['TRANSFER_MEBIBYTES'] ?? 192) * mebibyte;
/** Growth over the idle process that a transfer of any size may cause: chunks, sockets and garbage, never the object. */
const maxGrowthBytes = 96 * mebibyte;

/** An edge in a process of its own, so that its memory is not the test's; it prints a URL for each way. */
const server = `
  const { FilesystemEdge, FilesystemObjectStore } = await import(${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)});
  const { Secret } = await import('@cloudscan/config');
  const publicUrl = () => 'http://127.0.0.1:' + edge.port;
  const store = await FilesystemObjectStore.open({ dataDir: process.argv[1], signingKey: new Secret('key'), publicUrl });
  const edge = new FilesystemEdge(store, { host: '127.0.0.1', port: 0 });
  await edge.start();
  const request = { key: 'key', contentType: 'application/octet-stream', filename: 'f', expiresAt: new Date(Date.now() + 600_000) };
  const expected = { sizeBytes: ${sizeBytes}, maxBytes: ${sizeBytes}, sha256: null };
  console.log(JSON.stringify({ put: (await store.presignPut({ ...request, expected })).url, get: (await store.presignGet(request)).url }));`;

const measured = process.platform === 'linux' ? test : test.skip;

measured(`a transfer of ${sizeBytes / mebibyte} MiB (peak memory by /proc) needs no more memory than a small one`, async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cloudscan-transfer-'));
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  const args = ['--conditions=@cloudscan/source', '--input-type=module', '-e', server, dataDir];
  const child = spawn(process.execPath, args, { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const urls = JSON.parse(line.toString()) as { readonly put: string; readonly get: string };
  const idle = peakBytes(child.pid!);

  const upSeconds = await seconds(async () => {
    const { request: upload, answer } = openRequest(urls.put, 'PUT', { 'Content-Length': sizeBytes });
    await pipeline(Readable.from(blocks()), upload);
    t.is((await answer).status, 200);
  });
  const downSeconds = await seconds(async () => t.is(await downloadedBytes(urls.get), sizeBytes));
  const peak = peakBytes(child.pid!);

  const rate = (value: number): string => `${Math.round(sizeBytes / mebibyte / value)} MiB/s`;
  t.log(
    `upload ${rate(upSeconds)}, download ${rate(downSeconds)}, peak ${Math.round(peak / mebibyte)} MiB, idle ${Math.round(idle / mebibyte)} MiB`,
  );
  t.true(peak - idle < maxGrowthBytes, `memory grew by ${Math.round((peak - idle) / mebibyte)} MiB`);
});

function* blocks(): Generator<Buffer> {
  const block = Buffer.alloc(mebibyte, 'x');
  for (let sent = 0; sent < sizeBytes; sent += block.length) yield block;
}

function downloadedBytes(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const download = request(url, { agent: false }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve(bytes));
      response.on('error', reject);
    });
    download.on('error', reject);
    download.end();
  });
}

/** The most resident memory that the process ever had: VmHWM of proc(5). */
function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
