import { once } from 'node:events';
import { createServer } from 'node:http2';
import { setImmediate } from 'node:timers/promises';
import { scan } from '@cloudscan/contracts';
import { DomainError, invalidArgument } from '@cloudscan/domain';
import { createMetricsRegistry, silentLogger } from '@cloudscan/telemetry';
import { Client, credentials, status } from '@grpc/grpc-js';
import test from 'ava';
import { RpcClient } from './client.ts';
import { GrpcServer, serve } from './server.ts';
import type { CallContext, Handlers } from './server.ts';

type Definition = Pick<typeof scan.ScanServiceService, 'getScan' | 'watchScan' | 'importSarif'>;
const { getScan, watchScan, importSarif } = scan.ScanServiceService;
const definition: Definition = { getScan, watchScan, importSarif };

async function startPair(handlers: Partial<Handlers<Definition>>, defaultDeadlineMs = 60_000) {
  const registry = createMetricsRegistry('test');
  const unused = (): never => {
    throw new Error('not part of this test');
  };
  const server = new GrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [serve(definition, { getScan: unused, watchScan: unused, importSarif: unused, ...handlers })],
    log: silentLogger,
    registry,
    maxMessageBytes: 1024 * 1024,
    defaultDeadlineMs,
  });
  await server.start();
  const client = new RpcClient(definition, { host: '127.0.0.1', port: server.port });
  return { server, client, registry };
}

const aScan = scan.Scan.fromPartial({ id: 'a' });

test('answers with what the handler returns', async (t) => {
  const { server, client } = await startPair({ getScan: async (request) => ({ ...aScan, id: request.id }) });
  t.is((await client.call('getScan', { id: 'x' })).id, 'x');
  client.close();
  await server.stop();
});

test('carries code, violations and retry hint of a domain error', async (t) => {
  const { server, client } = await startPair({
    getScan: async ({ id }) => {
      if (id === 'limited') throw new DomainError('resource_exhausted', 'too many', { retryAfterMs: 1500 });
      throw invalidArgument('id', 'is not a UUID');
    },
  });
  const wrong = await t.throwsAsync<DomainError>(client.call('getScan', { id: '' }), { instanceOf: DomainError });
  t.is(wrong.code, 'invalid_argument');
  t.deepEqual(
    wrong.violations.map(({ field, description }) => ({ field, description })),
    [{ field: 'id', description: 'is not a UUID' }],
  );
  const limited = await t.throwsAsync<DomainError>(client.call('getScan', { id: 'limited' }));
  t.is(limited.retryAfterMs, 1500);
  client.close();
  await server.stop();
});

test('hides the text of an unexpected error', async (t) => {
  const { server, client } = await startPair({
    getScan: async () => {
      throw new Error('SELECT secret FROM users at host db.internal');
    },
  });
  const error = await t.throwsAsync<DomainError>(client.call('getScan', { id: 'x' }));
  t.is(error.code, 'internal');
  t.is(error.message, 'internal error');
  client.close();
  await server.stop();
});

test("aborts the handler's signal when the caller goes, and answers by its deadline", async (t) => {
  const entered = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<DomainError>();
  const { server, client } = await startPair({
    getScan: (_request, { signal }: CallContext) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.resolve(signal.reason as DomainError);
          reject(new Error('late'));
        });
        entered.resolve();
      }),
  });
  const gone = new AbortController();
  const call = client.call('getScan', { id: 'x' }, { signal: gone.signal });
  await entered.promise;
  gone.abort();
  t.is((await t.throwsAsync<DomainError>(call)).code, 'cancelled');
  t.is((await aborted.promise).code, 'cancelled');
  t.is((await t.throwsAsync<DomainError>(client.call('getScan', { id: 'x' }, { deadlineMs: 50 }))).code, 'deadline_exceeded');
  client.close();
  await server.stop();
});

test('answers INVALID_ARGUMENT to bytes that are no message', async (t) => {
  const { server, client } = await startPair({ getScan: async () => aScan });
  const raw = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const code = await new Promise((resolve) => {
    raw.makeUnaryRequest(
      definition.getScan.path,
      () => Buffer.from([0x0a, 0xff]),
      (bytes: Buffer) => bytes,
      null,
      (error) => resolve(error?.code),
    );
  });
  t.is(code, status.INVALID_ARGUMENT);
  raw.close();
  client.close();
  await server.stop();
});

test('ends the generator of a stream whose reader has gone', async (t) => {
  const ended = Promise.withResolvers<void>();
  const event = scan.ScanEvent.fromPartial({ sequence: 1n });
  const { server, client } = await startPair({
    watchScan: async function* (_request, { signal }) {
      try {
        yield event;
        await once(signal, 'abort');
      } finally {
        ended.resolve();
      }
    },
  });
  for await (const received of client.stream('watchScan', { scanId: 'x', afterSequence: 0n })) {
    t.is(received.sequence, 1n);
    break;
  }
  await ended.promise;
  client.close();
  await server.stop();
});

type ImportRequest = scan.ImportSarifRequest;

const aResponse = scan.ImportSarifResponse.fromPartial({ artifactId: 'a' });

function chunkOf(bytes: number): ImportRequest {
  return { part: { $case: 'chunk', value: Buffer.alloc(bytes) } };
}

async function* chunksOf(count: number, bytes: number): AsyncGenerator<ImportRequest> {
  for (let sent = 0; sent < count; sent += 1) yield chunkOf(bytes);
}

test('takes a stream of requests in order, and no more than its handler is ready for', async (t) => {
  let pulled = 0;
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { server, client } = await startPair({
    importSarif: async (requests) => {
      let bytes = 0;
      for await (const { part } of requests) {
        entered.resolve();
        await release.promise;
        if (part?.$case === 'chunk') bytes += part.value.length;
      }
      return { ...aResponse, artifactId: String(bytes) };
    },
  });
  async function* counted(): AsyncGenerator<ImportRequest> {
    for await (const chunk of chunksOf(200, 64 * 1024)) {
      pulled += 1;
      yield chunk;
    }
  }
  const call = client.upload('importSarif', counted());
  await entered.promise;
  await setImmediate();
  t.true(pulled < 200);
  release.resolve();
  t.is((await call).artifactId, String(200 * 64 * 1024));
  client.close();
  await server.stop();
});

test('answers a stream of requests before its end, and the client sends no more', async (t) => {
  const { server, client } = await startPair({
    importSarif: async (requests) => {
      for await (const _ of requests) throw invalidArgument('header', 'is missing');
      return aResponse;
    },
  });
  const closed = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<ImportRequest> {
    try {
      for (;;) yield chunkOf(64 * 1024);
    } finally {
      closed.resolve();
    }
  }
  const error = await t.throwsAsync<DomainError>(client.upload('importSarif', endless()));
  t.is(error.code, 'invalid_argument');
  await closed.promise;
  client.close();
  await server.stop();
});

test('a stream of requests ends for its handler when its caller goes, fails or falls silent, and when the server stops', async (t) => {
  let ended = Promise.withResolvers<string>();
  let started = Promise.withResolvers<void>();
  const { server, client } = await startPair(
    {
      importSarif: async (requests) => {
        try {
          for await (const _ of requests) started.resolve();
        } catch (error) {
          ended.resolve((error as DomainError).code);
          throw error;
        }
        return aResponse;
      },
    },
    1000,
  );
  const never = (): Promise<never> => new Promise(() => undefined);
  /** What the caller and the handler are told of a call that sends one request, after which something happens. */
  const codesOf = async (happens: (gone: AbortController) => unknown, next: () => Promise<unknown> = never): Promise<unknown[]> => {
    ended = Promise.withResolvers();
    started = Promise.withResolvers();
    const gone = new AbortController();
    async function* requests(): AsyncGenerator<ImportRequest> {
      yield chunkOf(1);
      await started.promise;
      await next();
    }
    const call = client.upload('importSarif', requests(), { signal: gone.signal }).catch((error: Error) => error);
    await started.promise;
    happens(gone);
    const error = await call;
    return [error instanceof DomainError ? error.code : error, await ended.promise];
  };
  const broken = new Error('the file is gone');
  t.deepEqual(await codesOf(() => undefined), ['deadline_exceeded', 'deadline_exceeded']);
  t.deepEqual(await codesOf((gone) => gone.abort()), ['cancelled', 'cancelled']);
  t.deepEqual(
    await codesOf(
      () => undefined,
      () => Promise.reject(broken),
    ),
    [broken, 'cancelled'],
  );
  t.deepEqual(await codesOf(() => server.stop()), ['unavailable', 'unavailable']);
  client.close();
});

test('stop lets a call at work finish and ends a stream with UNAVAILABLE', async (t) => {
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { server, client } = await startPair({
    getScan: async () => {
      entered.resolve();
      await release.promise;
      return aScan;
    },
    watchScan: async function* (_request, { signal }) {
      yield scan.ScanEvent.fromPartial({ sequence: 1n });
      await once(signal, 'abort');
    },
  });
  const stream = client.stream('watchScan', { scanId: 'x', afterSequence: 0n });
  await stream.next();
  const call = client.call('getScan', { id: 'x' });
  await entered.promise;
  const stopped = server.stop();
  t.is((await t.throwsAsync<DomainError>(stream.next())).code, 'unavailable');
  release.resolve();
  t.is((await call).id, 'a');
  await stopped;
  client.close();
});

test('retries an unavailable answer until it succeeds', async (t) => {
  let calls = 0;
  const { server, client } = await startPair({
    getScan: async () => {
      calls += 1;
      if (calls < 3) throw new DomainError('unavailable', 'not yet');
      return aScan;
    },
  });
  t.is((await client.call('getScan', { id: 'x' }, { retries: 5 })).id, 'a');
  t.is(calls, 3);
  client.close();
  await server.stop();
});

test('serves health, reflection and metrics', async (t) => {
  const { server, client, registry } = await startPair({ getScan: async () => aScan });
  await client.call('getScan', { id: 'x' });
  t.regex(await registry.metrics(), /cloudscan_rpc_handled_total\{method="\/cloudscan.ScanService\/GetScan",code="OK",service="test"\} 1/);
  const raw = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const health = await new Promise<Buffer>((resolve, reject) => {
    raw.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.alloc(0),
      (error, response) => (error === null ? resolve(response!) : reject(error)),
    );
  });
  t.deepEqual([...health], [0x08, 0x01]);
  const reflection = raw.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
  );
  // ServerReflectionRequest.list_services = 7
  reflection.write(Buffer.from([0x3a, 0x00]));
  const [answer] = (await once(reflection, 'data')) as [Buffer];
  t.true(answer.includes('cloudscan.ScanService'));
  reflection.end();
  raw.close();
  client.close();
  await server.stop();
});

test('says which port is taken', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const server = new GrpcServer({
    host: '127.0.0.1',
    port,
    services: [serve({ getScan }, { getScan: async () => aScan })],
    log: silentLogger,
    registry: createMetricsRegistry('test'),
    maxMessageBytes: 1024,
    defaultDeadlineMs: 1000,
  });
  const error = await t.throwsAsync<NodeJS.ErrnoException & { port: number }>(server.start());
  t.is(error.code, 'EADDRINUSE');
  t.is(error.port, port);
  taken.close();
});
