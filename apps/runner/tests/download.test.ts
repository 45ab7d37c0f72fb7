import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@cloudscan/telemetry';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Agent } from 'undici';
import { RunFailure } from '../src/run-failure.ts';
import { download } from '../src/source/download.ts';
import type { DownloadSource } from '../src/source/download.ts';

const content = randomBytes(1_000_000);
const sha256 = createHash('sha256').update(content).digest('hex');

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

interface Fetched {
  readonly bytes: () => Promise<Buffer>;
  readonly ranges: (string | undefined)[];
  readonly located: () => number;
  readonly done: Promise<string>;
}

async function fetchFrom(
  t: ExecutionContext,
  handler: Handler,
  options: { declared?: Partial<DownloadSource>; maxBytes?: number; signal?: AbortSignal } = {},
): Promise<Fetched> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-download-'));
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response, ranges.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dispatcher = new Agent();
  t.teardown(async () => {
    await dispatcher.destroy();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  let located = 0;
  const path = join(folder, 'file');
  const done = download(path, {
    locate: async () => {
      located += 1;
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/o?try=${located}`,
        sizeBytes: content.length,
        sha256,
        ...options.declared,
      };
    },
    dispatcher,
    maxBytes: options.maxBytes ?? 2_000_000,
    signal: options.signal ?? new AbortController().signal,
    log: silentLogger,
    onProgress: () => undefined,
    firstPauseMs: 1,
  });
  done.catch(() => undefined);
  return { bytes: () => readFile(path), ranges, located: () => located, done };
}

function part(request: IncomingMessage, response: ServerResponse, etag: string, until = content.length): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const fits = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  const start = fits ? from : 0;
  const range = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
  response.writeHead(start > 0 ? 206 : 200, { etag, 'content-length': content.length - start, ...(start > 0 ? range : {}) });
  if (until < content.length) response.write(content.subarray(start, until), () => response.destroy());
  else response.end(content.subarray(start));
}

test('goes on where a broken connection left off', async (t) => {
  const { done, bytes, ranges } = await fetchFrom(t, (request, response, count) =>
    part(request, response, '"a"', count < 3 ? count * 300_000 : undefined),
  );
  await done;
  t.true(content.equals(await bytes()));
  t.is(ranges[0], undefined);
  t.true(ranges.slice(1).some((range) => /^bytes=[1-9]\d*-$/.test(range ?? '')));
});

test('starts anew when the object has become another one meanwhile', async (t) => {
  const { done, bytes } = await fetchFrom(t, (request, response, count) =>
    part(request, response, count === 1 ? '"old"' : '"new"', count === 1 ? 300_000 : undefined),
  );
  await done;
  t.true(content.equals(await bytes()));
});

test('starts anew with a server that gives another range than was asked for, or none', async (t) => {
  for (const status of [206, 200]) {
    const { done, bytes } = await fetchFrom(t, (request, response, count) => {
      if (count === 1) part(request, response, '"a"', 300_000);
      else if (status === 206 && request.headers.range !== undefined)
        response.writeHead(206, { 'content-range': `bytes 5-9/${content.length}` }).end('wrong');
      else response.writeHead(200, { 'content-length': content.length }).end(content);
    });
    await done;
    t.true(content.equals(await bytes()));
  }
});

test('asks for a new URL when the old one has expired, and keeps what it has', async (t) => {
  const { done, bytes, located, ranges } = await fetchFrom(t, (request, response, count) => {
    if (count === 1) part(request, response, '"a"', 400_000);
    else if (request.url === '/o?try=1') response.writeHead(403).end('expired');
    else part(request, response, '"a"');
  });
  await done;
  t.true(content.equals(await bytes()));
  t.is(located(), 2);
  t.regex(ranges.at(-1) ?? '', /^bytes=[1-9]/);
});

test('waits for a store that is away', async (t) => {
  const { done, bytes } = await fetchFrom(t, (request, response, count) => {
    if (count < 4) response.writeHead(503).end();
    else part(request, response, '"a"');
  });
  await done;
  t.is((await bytes()).length, content.length);
});

test('a source that is gone is missing', async (t) => {
  const { done } = await fetchFrom(t, (_request, response) => response.writeHead(404).end());
  t.is((await t.throwsAsync(done, { instanceOf: RunFailure })).reason, 'source_missing');
});

test('content of another hash or size is fetched once more and then refused', async (t) => {
  for (const declared of [{ sha256: 'f'.repeat(64) }, { sizeBytes: 5, sha256: '' }]) {
    const { done, ranges } = await fetchFrom(t, (request, response) => part(request, response, '"a"'), { declared });
    t.is((await t.throwsAsync(done, { instanceOf: RunFailure, message: /not what was declared/ })).reason, 'source_invalid');
    t.is(ranges.length, 2);
  }
});

test('content that never ends is refused', async (t) => {
  const { done } = await fetchFrom(t, (request, response) => part(request, response, '"a"'), {
    declared: { sizeBytes: 0, sha256: '' },
    maxBytes: 100_000,
  });
  t.is((await t.throwsAsync(done, { instanceOf: RunFailure, message: /more than 100000 bytes/ })).reason, 'source_invalid');
});

test('stops when it is aborted', async (t) => {
  const abort = new AbortController();
  const { done } = await fetchFrom(
    t,
    (request, response) => {
      part(request, response, '"a"', 1000);
      abort.abort(new RunFailure('deadline_exceeded', 'too late'));
    },
    { signal: abort.signal },
  );
  t.is((await t.throwsAsync(done, { instanceOf: RunFailure })).reason, 'deadline_exceeded');
});
