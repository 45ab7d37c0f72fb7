import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import anyTest from 'ava';
import type { TestFn } from 'ava';
import type { PackageVersion } from '../src/sca/advisory-source.ts';
import { apiSource } from '../src/sca/api-source.ts';
import type { ApiSourceOptions } from '../src/sca/api-source.ts';
import { ask, osvRecord } from './advisory-fixtures.ts';
import { OsvServer, status } from './osv-server.ts';

interface Context {
  readonly server: OsvServer;
  readonly options: ApiSourceOptions;
  now: number;
}

const test = anyTest as TestFn<Context>;
const left: PackageVersion = { ecosystem: 'npm', name: 'left', version: '1.0.0' };
const remedy = 'set ADVISORY_SOURCE to a reachable OSV server or to a folder of OSV files';

test.beforeEach(async (t) => {
  const server = new OsvServer();
  const baseUrl = await server.start();
  for (const id of ['GHSA-1', 'GHSA-2', 'GHSA-3']) server.records.set(id, osvRecord(id));
  const now = (): number => t.context.now;
  const options = {
    baseUrl,
    cacheDir: await mkdtemp(path.join(tmpdir(), 'advisories-')),
    cacheTtlMs: 1000,
    timeoutMs: 5000,
    retryDelayMs: 1,
    now,
  };
  t.context = { server, options, now: Date.now() };
});

test.afterEach.always(async (t) => {
  await t.context.server.stop();
  await rm(t.context.options.cacheDir, { recursive: true, force: true });
});

test('follows the pages of a package', async (t) => {
  const { server, options } = t.context;
  server.pageSize = 2;
  t.deepEqual(await ask(apiSource(options), [left, { ...left, name: 'other' }]), ['left 1.0.0: GHSA-1 GHSA-2 GHSA-3']);
  t.is(server.requests.filter((url) => url === '/v1/querybatch').length, 2);
});

test('splits what is more than one batch may hold', async (t) => {
  const { server, options } = t.context;
  const packages = Array.from({ length: 1001 }, (_, index): PackageVersion => ({ ...left, name: index === 1000 ? 'left' : `p${index}` }));
  t.deepEqual(await ask(apiSource(options), packages), ['left 1.0.0: GHSA-1 GHSA-2 GHSA-3']);
  t.is(server.requests.filter((url) => url === '/v1/querybatch').length, 2);
});

test('asks nothing again while an answer holds, and only for the packages once it does not', async (t) => {
  const { server, options } = t.context;
  const expected = await ask(apiSource(options), [left]);
  server.requests.length = 0;
  t.context.now += 999;
  t.deepEqual(await ask(apiSource(options), [left]), expected);
  t.deepEqual(server.requests, []);
  t.context.now += 1;
  t.deepEqual(await ask(apiSource(options), [left]), expected);
  t.deepEqual(server.requests, ['/v1/querybatch']);
});

test('remembers that a package has no advisories', async (t) => {
  const { server, options } = t.context;
  const safe = { ...left, version: '2.0.0' };
  await ask(apiSource(options), [safe]);
  server.requests.length = 0;
  t.deepEqual(await ask(apiSource(options), [safe]), []);
  t.deepEqual(server.requests, []);
});

test('fetches an advisory anew when it was modified', async (t) => {
  const { server, options } = t.context;
  await ask(apiSource(options), [left]);
  server.records.set('GHSA-2', { ...osvRecord('GHSA-2'), modified: '2026-03-01T00:00:00Z' });
  server.requests.length = 0;
  t.context.now += 1000;
  await ask(apiSource(options), [left]);
  t.deepEqual(server.requests, ['/v1/querybatch', '/v1/vulns/GHSA-2']);
});

test('takes a damaged cache file as none', async (t) => {
  const { options } = t.context;
  const expected = await ask(apiSource(options), [left]);
  const names = (await readdir(options.cacheDir, { recursive: true })).filter((name) => name.endsWith('.json'));
  t.is(names.length, 4);
  for (const content of ['', '{"fetchedAt":', 'null', '[]', '{"fetchedAt":1e99,"references":[{}],"id":1}']) {
    for (const name of names) await writeFile(path.join(options.cacheDir, name), content);
    t.deepEqual(await ask(apiSource(options), [left]), expected, content);
  }
});

test('works without a cache that can be written', async (t) => {
  const { options } = t.context;
  const file = path.join(options.cacheDir, 'file');
  await writeFile(file, '');
  t.deepEqual(await ask(apiSource({ ...options, cacheDir: file }), [left]), ['left 1.0.0: GHSA-1 GHSA-2 GHSA-3']);
  t.is(await readFile(file, 'utf8'), '');
});

test('tries again where the server is busy or fails', async (t) => {
  const { server, options } = t.context;
  server.behaviours.push(status(503), status(429, { 'retry-after': '0' }), (request) => request.destroy());
  t.deepEqual(await ask(apiSource(options), [left]), ['left 1.0.0: GHSA-1 GHSA-2 GHSA-3']);
});

test('fails after the fourth attempt, naming the source and the remedy', async (t) => {
  const { server, options } = t.context;
  server.behaviours.push(...Array.from({ length: 4 }, () => status(503)));
  const { origin } = new URL(options.baseUrl);
  await t.throwsAsync(ask(apiSource(options), [left]), {
    name: 'ToolFailure',
    message: `could not reach the advisory source ${origin}: it answered 503 to /v1/querybatch; ${remedy}`,
  });
  t.is(server.requests.length, 4);
});

test('fails at once when the server refuses a request', async (t) => {
  const { server, options } = t.context;
  server.behaviours.push(status(400));
  await t.throwsAsync(ask(apiSource(options), [left]), { message: /it answered 400 to \/v1\/querybatch/ });
  t.is(server.requests.length, 1);
});

test('fails when an advisory cannot be fetched, rather than leaving it out', async (t) => {
  const { server, options } = t.context;
  server.behaviours.push((_request, response) => void response.end('{"results":[{"vulns":[{"id":"GHSA-1","modified":"x"}]}]}'));
  server.behaviours.push(...Array.from({ length: 4 }, () => status(500)));
  await t.throwsAsync(ask(apiSource(options), [left]), { message: /it answered 500 to \/v1\/vulns\/GHSA-1/ });
});

test('passes over an advisory that is gone by the time it is fetched', async (t) => {
  const { server, options } = t.context;
  server.behaviours.push(
    (_request, response) => void response.end('{"results":[{"vulns":[{"id":"GONE-1","modified":"x"},{"id":"GHSA-1","modified":"x"}]}]}'),
  );
  t.deepEqual(await ask(apiSource(options), [left]), ['left 1.0.0: GHSA-1']);
});

const nonsense: Readonly<Record<string, RegExp>> = {
  '<html>': /its answer is not JSON/,
  '{"results":[]}': /it answered 0 of 1 queries/,
  '{}': /it answered 0 of 1 queries/,
};

for (const [body, problem] of Object.entries(nonsense)) {
  test(`fails on the answer ${body}`, async (t) => {
    const { server, options } = t.context;
    server.behaviours.push(
      ...Array.from({ length: 4 }, () => (_request: unknown, response: { end(text: string): void }) => response.end(body)),
    );
    await t.throwsAsync(ask(apiSource(options), [left]), { name: 'ToolFailure', message: problem });
  });
}

test('fails when the pages never end', async (t) => {
  const { server, options } = t.context;
  server.behaviours.push(
    ...Array.from(
      { length: 200 },
      () => (_request: unknown, response: { end(text: string): void }) => response.end('{"results":[{"next_page_token":"x"}]}'),
    ),
  );
  await t.throwsAsync(ask(apiSource(options), [left]), { message: /it never sends the last page/ });
});

test('fails when nobody listens there, with the reason of the network', async (t) => {
  const { server, options } = t.context;
  const closed = new OsvServer();
  const baseUrl = await closed.start();
  await closed.stop();
  await t.throwsAsync(ask(apiSource({ ...options, baseUrl }), [left]), {
    message: /^could not reach the advisory source http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED .*; set ADVISORY_SOURCE to /,
  });
  t.is(server.requests.length, 0);
});

test('fails when the server does not answer in time', async (t) => {
  const { server, options } = t.context;
  server.behaviours.push(...Array.from({ length: 4 }, () => () => undefined));
  await t.throwsAsync(ask(apiSource({ ...options, timeoutMs: 20 }), [left]), { message: /it did not answer within 0\.02 s/ });
});

test('sends the credentials of the source as a header and shows them nowhere', async (t) => {
  const { server, options } = t.context;
  let authorization: string | undefined;
  server.behaviours.push((request, response) => {
    authorization = request.headers.authorization;
    response.writeHead(403).end();
  });
  const baseUrl = options.baseUrl.replace('//', '//user:hunter2@');
  const error = await t.throwsAsync(ask(apiSource({ ...options, baseUrl }), [left]));
  t.is(authorization, `Basic ${btoa('user:hunter2')}`);
  t.notRegex(error.message, /hunter2/);
});
