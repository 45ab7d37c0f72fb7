import { Secret } from '@cloudscan/config';
import { GrpcServer } from '@cloudscan/grpc';
import { createMetricsRegistry, silentLogger } from '@cloudscan/telemetry';
import { eventually, requires, startRedis, testDatabase } from '@cloudscan/testing';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { loadConfig } from '../src/config.ts';
import type { ApiHttpConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';

interface Readiness {
  readonly status: string;
  readonly dependencies: Readonly<Record<string, { readonly state: string; readonly required: boolean; readonly latency_ms: number }>>;
}

/** A server that answers health checks, as api-grpc and storage do. */
async function startPeer(t: ExecutionContext): Promise<GrpcServer> {
  const registry = createMetricsRegistry('peer');
  const options = { host: '127.0.0.1', port: 0, services: [], maxMessageBytes: 65_536, defaultDeadlineMs: 1000 };
  const server = new GrpcServer({ ...options, log: silentLogger, registry });
  await server.start();
  t.teardown(() => server.stop());
  return server;
}

async function start(t: ExecutionContext, overrides: Partial<ApiHttpConfig> = {}) {
  const [orchestrator, storage, { config: database }] = [await startPeer(t), await startPeer(t), await testDatabase(t)];
  const env = {
    HTTP_PORT: '0',
    ORCHESTRATOR_ENDPOINT: `127.0.0.1:${orchestrator.port}`,
    STORAGE_SERVICE_ENDPOINT: `127.0.0.1:${storage.port}`,
    STORAGE_SERVICE_TIMEOUT: '1',
  };
  const app = await createApp({ ...loadConfig(env), database, ...overrides }, { log: silentLogger });
  await app.start();
  t.teardown(() => app.stop());
  const get = (path: string) => fetch(`http://127.0.0.1:${app.httpPort}${path}`);
  const ready = async (): Promise<{ status: number; body: Readiness }> => {
    const response = await get('/ready');
    return { status: response.status, body: (await response.json()) as Readiness };
  };
  return { orchestrator, storage, get, ready };
}

test('is ready when everything it names is up, with its latency', async (t) => {
  const { ready, get } = await start(t);
  const { status, body } = await ready();
  t.is(status, 200);
  t.is(body.status, 'ready');
  t.deepEqual(Object.keys(body.dependencies), ['postgresql', 'storage', 'api-grpc']);
  for (const { state, required, latency_ms: latency } of Object.values(body.dependencies)) {
    t.is(state, 'up');
    t.true(required);
    t.true(latency >= 0);
  }
  t.is((await get('/health')).status, 200);
});

for (const [name, peer] of [
  ['api-grpc', 'orchestrator'],
  ['storage', 'storage'],
] as const) {
  test(`is not ready while ${name} is away, names it, and still lives`, async (t) => {
    const running = await start(t);
    await running[peer].stop();
    const { status, body } = await running.ready();
    t.is(status, 503);
    t.is(body.status, 'not_ready');
    t.is(body.dependencies[name]?.state, 'down');
    t.is(body.dependencies['postgresql']?.state, 'up');
    t.is((await running.get('/health')).status, 200);
  });
}

test('is not ready when api-grpc answers that it drains', async (t) => {
  const { orchestrator, ready } = await start(t);
  orchestrator.drain();
  t.is((await ready()).status, 503);
});

requires(test, 'redis')('names Redis where it is configured, and does without it', async (t) => {
  const redis = await startRedis(t);
  const { ready } = await start(t, { redis: { host: redis.host, port: redis.port, password: new Secret(''), db: 0, tls: false } });
  t.is((await ready()).body.dependencies['redis']?.state, 'up');
  await redis.stop();
  const { status, body } = await ready();
  t.is(status, 200);
  t.is(body.dependencies['redis']?.state, 'down');
  await redis.start();
  await eventually(async () => (await ready()).body.dependencies['redis']?.state === 'up');
});

test('serves its metrics', async (t) => {
  const { get } = await start(t);
  const response = await get('/metrics');
  t.true(response.headers.get('content-type')?.startsWith('text/plain'));
  t.true((await response.text()).includes('service="cloudscan-api-http"'));
});

test('serves the same on METRICS_PORT where that is set', (t) => {
  t.is(loadConfig({}).ops, null);
  t.deepEqual(loadConfig({ METRICS_PORT: '9191' }).ops, { host: '127.0.0.1', port: 9191 });
});

test('says what is wrong with an endpoint', (t) => {
  t.throws(() => loadConfig({ ORCHESTRATOR_ENDPOINT: 'http://x' }), {
    message: /ORCHESTRATOR_ENDPOINT is "http:\/\/x"; set it to host:port/,
  });
});
