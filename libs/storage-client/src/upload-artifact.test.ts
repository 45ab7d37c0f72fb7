import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { DomainError } from '@cloudscan/domain';
import test from 'ava';
import { uploadArtifact } from './upload-artifact.ts';

interface Seen {
  readonly method: string | undefined;
  readonly type: string | undefined;
  readonly length: string | undefined;
  readonly body: string;
}

const store = createServer((request, response) => {
  void buffer(request).then((body) => {
    const { method, headers } = request;
    seen.push({ method, type: headers['content-type'], length: headers['content-length'], body: body.toString() });
    response.writeHead(Number(new URL(request.url!, 'http://store').searchParams.get('status'))).end();
  });
});
const seen: Seen[] = [];
const signal = new AbortController().signal;

test.before(async () => {
  store.listen(0, '127.0.0.1');
  await once(store, 'listening');
});
test.after.always(() => {
  store.closeAllConnections();
  store.close();
});

function upload(status: number): Promise<void> {
  const url = `http://127.0.0.1:${(store.address() as AddressInfo).port}/key?status=${status}&signature=s3cr3t`;
  return uploadArtifact({ url, headers: { 'Content-Type': 'text/plain' }, expiresAt: new Date() }, Buffer.from('bytes'), signal);
}

test.serial('PUTs the bytes with the headers that the URL is signed for', async (t) => {
  await upload(200);
  t.deepEqual(seen, [{ method: 'PUT', type: 'text/plain', length: '5', body: 'bytes' }]);
});

test('a store that fails is away; one that refuses is a fault; neither error shows the URL', async (t) => {
  for (const [status, code] of [
    [503, 'unavailable'],
    [429, 'unavailable'],
    [403, 'internal'],
    [409, 'internal'],
  ] as const) {
    const error = await t.throwsAsync<DomainError>(upload(status), { instanceOf: DomainError });
    t.is(error.code, code, String(status));
    t.false(JSON.stringify([error.message, error.stack, String(error.cause)]).includes('s3cr3t'));
  }
});

test('a store that cannot be reached is away', async (t) => {
  const target = { url: 'http://127.0.0.1:1/key?signature=s3cr3t', headers: {}, expiresAt: new Date() };
  const error = await t.throwsAsync<DomainError>(uploadArtifact(target, Buffer.from('x'), signal), { instanceOf: DomainError });
  t.is(error.code, 'unavailable');
  t.false(`${error.stack} ${String(error.cause)}`.includes('s3cr3t'));
});

test('an upload that is broken off says so', async (t) => {
  const target = { url: 'http://127.0.0.1:1/', headers: {}, expiresAt: new Date() };
  await t.throwsAsync(uploadArtifact(target, Buffer.from('x'), AbortSignal.abort()), { name: 'AbortError' });
});
