import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import type { DomainError } from '@cloudscan/domain';
import { StartUpError } from '@cloudscan/process';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { LogSpool } from './log-spool.ts';
import type { LogSpoolOptions } from './log-spool.ts';

const log = Buffer.from(JSON.stringify({ version: '2.1.0', runs: [] }));
const never = new AbortController().signal;

function startSpool(t: ExecutionContext, options: Partial<LogSpoolOptions> = {}): { readonly spool: LogSpool; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-spool-'));
  const spool = new LogSpool({ folder, maxGzipBytes: 1000, maxLogBytes: 10_000, maxConcurrent: 2, ...options });
  spool.start();
  t.teardown(() => {
    spool.stop();
    rmSync(folder, { recursive: true });
  });
  return { spool, folder };
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function digestOf(bytes: Buffer): { sizeBytes: number; sha256: string } {
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** What lies in the spool. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

for (const [what, bytes] of Object.entries({
  plain: log,
  gzip: gzipSync(log),
  'gzip of two members': Buffer.concat([gzipSync(log.subarray(0, 9)), gzipSync(log.subarray(9))]),
})) {
  for (const size of [1, 1000]) {
    test(`keeps a ${what} log that comes in chunks of ${size}, until it is disposed of`, async (t) => {
      const { spool, folder } = startSpool(t);
      {
        await using spooled = await spool.receive(inChunks(bytes, size), never);
        t.deepEqual(spooled.received, digestOf(bytes));
        t.deepEqual(spooled.content, digestOf(log));
        for (const _ of ['once', 'again']) t.deepEqual(await buffer(spooled.open()), log);
        t.is(filesOf(folder).length, 1);
      }
      t.deepEqual(filesOf(folder), []);
    });
  }
}

test('others than its user cannot look into it', (t) => {
  const { folder } = startSpool(t);
  const [own] = readdirSync(folder);
  t.is(statSync(join(folder, own!)).mode & 0o777, 0o700);
});

test('stops a log at its limit, a bomb of gzip long before its end', async (t) => {
  const { spool, folder } = startSpool(t);
  const bomb = gzipSync(Buffer.alloc(900_000));
  t.true(bomb.length < 1000);
  const refusals: [Buffer, RegExp][] = [
    [bomb, /^chunk: without compression is larger than 10000 bytes.*IMPORT_MAX_LOG_BYTES/],
    [Buffer.alloc(10_001, ' '), /^chunk: without compression is larger than 10000 bytes.*IMPORT_MAX_LOG_BYTES/],
    [gzipSync(Buffer.from(crypto.getRandomValues(new Uint8Array(1001)))), /^chunk: is larger than 1000 bytes.*IMPORT_MAX_GZIP_BYTES/],
  ];
  for (const [bytes, message] of refusals) {
    const error = await t.throwsAsync<DomainError>(spool.receive(inChunks(bytes, 100), never), { message });
    t.is(error.code, 'invalid_argument');
  }
  t.deepEqual(filesOf(folder), []);
});

test('says what is wrong with a gzip that is cut or damaged, and with nothing at all', async (t) => {
  const { spool, folder } = startSpool(t);
  const whole = gzipSync(log);
  const damaged = Buffer.from(whole);
  damaged[whole.length - 6]! ^= 1;
  for (const [bytes, message] of [
    [whole.subarray(0, -4), /^chunk: is a gzip that is broken/],
    [damaged, /^chunk: is a gzip that is broken/],
    [Buffer.alloc(0), /^chunk: is missing/],
  ] as const) {
    const error = await t.throwsAsync<DomainError>(spool.receive(inChunks(bytes, 7), never), { message });
    t.is(error.code, 'invalid_argument');
  }
  t.deepEqual(filesOf(folder), []);
});

test('tells callers to come again while it is full, and takes them when a log has gone', async (t) => {
  const { spool } = startSpool(t, { maxConcurrent: 1 });
  {
    await using _first = await spool.receive(inChunks(log, 9), never);
    const error = await t.throwsAsync<DomainError>(spool.receive(inChunks(log, 9), never));
    t.is(error.code, 'resource_exhausted');
    t.true(error.retryAfterMs! > 0);
  }
  await t.throwsAsync(spool.receive(inChunks(Buffer.alloc(0), 1), never));
  await using second = await spool.receive(inChunks(log, 9), never);
  t.is(second.content.sizeBytes, log.length);
});

test('leaves nothing of a caller that goes or fails', async (t) => {
  const { spool, folder } = startSpool(t);
  const gone = new AbortController();
  async function* stops(): AsyncGenerator<Uint8Array> {
    yield log;
    gone.abort(new Error('gone'));
    yield log;
  }
  await t.throwsAsync(spool.receive(stops(), gone.signal), { message: 'gone' });
  async function* breaks(): AsyncGenerator<Uint8Array> {
    yield log;
    throw new Error('broken');
  }
  await t.throwsAsync(spool.receive(breaks(), never), { message: 'broken' });
  t.deepEqual(filesOf(folder), []);
});

test('removes at its start what processes that are gone have left, and nothing else', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-spool-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const options = { folder, maxGzipBytes: 1, maxLogBytes: 1, maxConcurrent: 1 };
  const [other, next] = [new LogSpool(options), new LogSpool(options)];
  other.start();
  const living = readdirSync(folder);
  for (const name of ['cloudscan-import-1-ff-aZ09xy', 'cloudscan-import-mine', 'else']) mkdirSync(join(folder, name));
  symlinkSync(join(folder, 'else'), join(folder, 'cloudscan-import-2-ff-aZ09xy'));
  next.start();
  const kept = [...living, 'cloudscan-import-2-ff-aZ09xy', 'cloudscan-import-mine', 'else'];
  t.is(readdirSync(folder).length, kept.length + 1);
  t.true(kept.every((name) => readdirSync(folder).includes(name)));
});

test('says which setting is wrong where its folder cannot be made', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-spool-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'file'), '');
  const spool = new LogSpool({ folder: join(folder, 'file'), maxGzipBytes: 1, maxLogBytes: 1, maxConcurrent: 1 });
  t.throws(() => spool.start(), { instanceOf: StartUpError, message: /IMPORT_TMP_DIR/ });
  spool.stop();
});
