import { createRedisProbe } from '@cloudscan/cache';
import type { RedisProbe } from '@cloudscan/cache';
import { Database, orchestratorRoles } from '@cloudscan/database';
import { HealthClient } from '@cloudscan/grpc';
import { OpsServer, Shutdown } from '@cloudscan/process';
import type { ReadinessCheck, Service } from '@cloudscan/process';
import { GrpcStorageClient } from '@cloudscan/storage-client';
import { createLogger, createMetricsRegistry } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import type { ApiHttpConfig } from './config.ts';

const service = 'cloudscan-api-http';

export interface ApiHttp extends Service {
  /** The port in use, once started. */
  readonly httpPort: number;
}

/** Connects to the database; listens once started. */
export async function createApp(config: ApiHttpConfig, overrides: { readonly log?: Logger } = {}): Promise<ApiHttp> {
  const log = overrides.log ?? createLogger(service, config.logLevel);
  const registry = createMetricsRegistry(service);
  const database = await Database.connect(config.database, {
    applicationName: service,
    roles: orchestratorRoles,
    onIdleError: (error) => log.warn({ error }, 'an idle database connection was lost'),
  });
  const orchestrator = new HealthClient(config.orchestrator);
  const storage = new GrpcStorageClient(config.storage.endpoint, config.storage);
  const redis = config.redis === null ? null : createRedisProbe(config.redis, service, log);
  const routes = {
    checks: readinessChecks(database, orchestrator, storage, redis),
    metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
  const servers = [config.http, ...(config.ops === null ? [] : [config.ops])].map((address) => new OpsServer({ ...address, ...routes }));
  const close = async (): Promise<void> => {
    orchestrator.close();
    await storage.close();
    redis?.close();
    await database.stop();
  };
  return new App(log, servers, close);
}

/** No scan can be made without the first three; Redis only makes it quicker. */
function readinessChecks(
  database: Database,
  orchestrator: HealthClient,
  storage: GrpcStorageClient,
  redis: RedisProbe | null,
): ReadinessCheck[] {
  const needed: ReadinessCheck[] = [
    { name: 'postgresql', required: true, check: () => database.ping() },
    { name: 'storage', required: true, check: (signal) => storage.ping(signal) },
    { name: 'api-grpc', required: true, check: (signal) => orchestrator.check(signal) },
  ];
  return redis === null ? needed : [...needed, { name: 'redis', required: false, check: (signal) => redis.check(signal) }];
}

class App implements ApiHttp {
  readonly #servers: readonly OpsServer[];
  readonly #shutdown: Shutdown;
  readonly #log: Logger;

  constructor(log: Logger, servers: readonly OpsServer[], close: () => Promise<void>) {
    this.#log = log;
    this.#servers = servers;
    this.#shutdown = new Shutdown(log);
    for (const server of servers) {
      this.#shutdown.on('not-ready', 'http', 100, () => server.drain());
      this.#shutdown.on('stop-intake', 'http', 2000, () => server.stop());
    }
    this.#shutdown.on('close', 'dependencies', 5000, close);
  }

  get httpPort(): number {
    return this.#servers[0]!.port;
  }

  async start(): Promise<void> {
    for (const server of this.#servers) await server.start();
    this.#log.info({ httpPort: this.httpPort }, 'serving');
  }

  async stop(): Promise<void> {
    await this.#shutdown.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
