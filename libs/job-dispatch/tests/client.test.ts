import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { serverCertificate } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import { KubernetesClient } from '../src/kubernetes/client.ts';
import type { ClientOptions } from '../src/kubernetes/client.ts';
import { KubernetesConnection } from '../src/kubernetes/connection.ts';

interface Fixture {
  readonly client: KubernetesClient;
  readonly requests: IncomingMessage[];
  /** Writes credentials with this token. */
  readonly authorize: (token: string) => Promise<void>;
  readonly connections: () => number;
}

/** A server of one's own, which says what a simulator does not: how it was spoken to. */
async function serve(t: Teardown, listener: RequestListener, options: Partial<ClientOptions> = {}): Promise<Fixture> {
  const { certificate, key } = await serverCertificate(['127.0.0.1']);
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const server = createServer({ cert: certificate, key }, (request, response) => {
    requests.push(request);
    listener(request, response);
  });
  server.on('secureConnection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-client-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'config');
  const authorize = (token: string): Promise<void> =>
    writeFile(path, kubeconfig(`https://127.0.0.1:${(server.address() as AddressInfo).port}/base/`, certificate, token));
  await authorize('first');
  const client = new KubernetesClient(new KubernetesConnection({ kind: 'file', path }), {
    ...{ userAgent: 'cloudscan-test', tryTimeoutMs: 10_000, callTimeoutMs: 20_000, maxTries: 3, backoffMs: 1 },
    ...options,
  });
  t.teardown(() => client.close());
  return { client, requests, authorize, connections: () => connections };
}

function kubeconfig(server: string, certificate: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': Buffer.from(certificate).toString('base64') } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    users: [{ name: 'test', user: { token } }],
  });
}

const answer: RequestListener = (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');

test('many requests in a row use the same connections, and say who asks', async (t) => {
  const { client, requests, connections } = await serve(t, answer);
  for (let index = 0; index < 20; index += 1) t.deepEqual(await client.json({ method: 'GET', path: '/version' }), { ok: true });
  // A request may come before the connection of the one before is free again.
  t.true(connections() <= 2, String(connections()));
  t.is(requests[0]!.url, '/base/version');
  t.like(requests[0]!.headers, { authorization: 'Bearer first', 'user-agent': 'cloudscan-test', accept: 'application/json' });
});

test('a query leaves out what is not set, and a patch is a merge patch', async (t) => {
  const { client, requests } = await serve(t, answer);
  await client.json({ method: 'GET', path: '/a', query: { labelSelector: 'a=b,c!=d', limit: 5, continue: undefined } });
  await client.json({ method: 'PATCH', path: '/a', body: { spec: null } });
  await client.json({ method: 'POST', path: '/a', body: {} });
  t.is(requests[0]!.url, '/base/a?labelSelector=a%3Db%2Cc%21%3Dd&limit=5');
  t.deepEqual(
    requests.map(({ headers }) => headers['content-type']),
    [undefined, 'application/merge-patch+json', 'application/json'],
  );
});

test('credentials that were replaced are read again when the server refuses the former ones', async (t) => {
  const { client, authorize } = await serve(t, (request, response) => {
    if (request.headers.authorization === 'Bearer second') return answer(request, response);
    response.writeHead(401).end('{"reason":"Unauthorized"}');
  });
  await t.throwsAsync(client.json({ method: 'GET', path: '/a' }), { name: 'ApiError', code: 401 } as object);
  await authorize('second');
  t.deepEqual(await client.json({ method: 'GET', path: '/a' }), { ok: true });
});

test('an answer that breaks off or is no JSON is asked for again', async (t) => {
  let tries = 0;
  const { client } = await serve(t, (request, response) => {
    tries += 1;
    if (tries === 1) {
      response.writeHead(200, { 'content-length': '100' }).write('{"ok"');
      return void setImmediate(() => request.socket.destroy());
    }
    if (tries === 2) return void response.end('{"ok":');
    answer(request, response);
  });
  t.deepEqual(await client.json({ method: 'GET', path: '/a' }), { ok: true });
  t.is(tries, 3);
});

test('what a proxy answers in HTML is an error like any other', async (t) => {
  const { client } = await serve(t, (_request, response) => response.writeHead(404).end('<html>nothing here</html>'));
  const error = await t.throwsAsync(client.json({ method: 'GET', path: '/a' }), { name: 'ApiError' });
  t.is(error.message, 'HTTP 404 : <html>nothing here</html>');
});

test('a call that its caller gives up ends at once, for the caller’s reason, and is not tried again', async (t) => {
  const { client, requests } = await serve(t, () => undefined);
  const abort = new AbortController();
  const call = client.json({ method: 'GET', path: '/a', signal: abort.signal });
  while (requests.length === 0) await new Promise(setImmediate);
  const reason = new Error('enough');
  abort.abort(reason);
  t.is(await t.throwsAsync(call), reason);
  t.is(requests.length, 1);
});

test('a server that never answers is not waited for longer than a call may take', async (t) => {
  const { client, requests } = await serve(t, () => undefined, { tryTimeoutMs: 50, callTimeoutMs: 120, maxTries: 100 });
  await t.throwsAsync(client.json({ method: 'GET', path: '/a' }), { name: 'TransportError' });
  t.true(requests.length <= 3);
  await t.throwsAsync(client.stream({ method: 'GET', path: '/a' }), { name: 'TransportError' });
});

test('a stream goes on beyond the time that its beginning may take, until its reader has enough', async (t) => {
  const { client } = await serve(
    t,
    (_request, response) => {
      response.writeHead(200).write('1');
      const timer = setInterval(() => response.write('x'), 100);
      response.on('close', () => clearInterval(timer));
    },
    { tryTimeoutMs: 1000 },
  );
  let bytes = 0;
  for await (const chunk of await client.stream({ method: 'GET', path: '/a' })) {
    bytes += chunk.length;
    if (bytes > 12) break;
  }
  t.true(bytes > 12);
});

test('a file that is not there is named', async (t) => {
  const connection = new KubernetesConnection({ kind: 'file', path: '/nonexistent/config' });
  await t.throwsAsync(connection.open(), { message: /\/nonexistent\/config/ });
});
