import { randomBytes } from 'node:crypto';
import { createCaching } from '@cloudscan/cache';
import type { Caching } from '@cloudscan/cache';
import { Database, orchestratorRoles } from '@cloudscan/database';
import { uuidV7Maker } from '@cloudscan/domain';
import { GrpcServer } from '@cloudscan/grpc';
import { createUseCases } from '@cloudscan/orchestration';
import type { StorageClient } from '@cloudscan/orchestration';
import { OpsServer, Shutdown } from '@cloudscan/process';
import type { ReadinessCheck, Service } from '@cloudscan/process';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories } from '@cloudscan/repositories';
import { GrpcStorageClient } from '@cloudscan/storage-client';
import { createLogger, createMetricsRegistry } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import { Authenticator } from './authenticate.ts';
import type { ApiGrpcConfig } from './config.ts';
import { LogSpool } from './import/log-spool.ts';
import { SpooledSarifLogs } from './import/sarif-logs.ts';
import { organizationService } from './services/organization-service.ts';
import { projectService } from './services/project-service.ts';
import { scanService } from './services/scan-service.ts';

const service = 'cloudscan-api-grpc';
/** Milliseconds that calls under way are given when the process stops; a pod has 30 s in all. */
const drainMs = 15_000;

export interface ApiGrpc extends Service {
  /** The ports in use, once started. */
  readonly grpcPort: number;
  readonly opsPort: number;
}

/** What a test may put in another's place. */
export interface Overrides {
  readonly storage?: StorageClient;
  readonly log?: Logger;
}

/** Connects to the database; listens once started. */
export async function createApp(config: ApiGrpcConfig, overrides: Overrides = {}): Promise<ApiGrpc> {
  const log = overrides.log ?? createLogger(service, config.logLevel);
  const registry = createMetricsRegistry(service);
  const database = await Database.connect(config.database, {
    applicationName: service,
    roles: orchestratorRoles,
    onIdleError: (error) => log.warn({ error }, 'an idle database connection was lost'),
  });
  const caching = createCaching({ redis: config.redis, database, databaseConfig: config.database, applicationName: service, log });
  const queue = new PgBossQueue(config.database, { applicationName: service, role: orchestratorRoles.system, mode: 'send', logger: log });
  const storage = overrides.storage ?? new GrpcStorageClient(config.storage.endpoint, config.storage);
  const spool = new LogSpool(config.imports.spool);
  const { systemScans, ...repositories } = createRepositories(database, queue);
  const useCases = createUseCases({
    ...repositories,
    storage,
    sarif: new SpooledSarifLogs(spool, config.imports.limits),
    cache: caching.cache,
    events: caching.events,
    clock: { now: () => new Date() },
    newId: uuidV7Maker(randomBytes),
    policy: config.policy,
  });
  const auth = new Authenticator(systemScans, storage);
  const grpc = new GrpcServer({
    ...config.grpc,
    services: [scanService(useCases, auth), organizationService(useCases, auth), projectService(useCases, auth)],
    log,
    registry,
    maxMessageBytes: config.maxMessageBytes,
    defaultDeadlineMs: config.defaultDeadlineMs,
  });
  const ops = new OpsServer({
    ...config.ops,
    checks: readinessChecks(database, storage, caching),
    metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  });
  return new App({ log, database, queue, caching, storage, spool, grpc, ops });
}

/** Reading works without the storage service and without Redis: taking this process out of service would not help. */
function readinessChecks(database: Database, storage: StorageClient, caching: Caching): ReadinessCheck[] {
  const redis: ReadinessCheck = { name: 'redis', required: false, check: (signal) => caching.cache.ping(signal) };
  return [
    { name: 'postgresql', required: true, check: () => database.ping() },
    { name: 'storage', required: false, check: (signal) => storage.ping(signal) },
    ...(caching.kind === 'redis' ? [redis] : []),
  ];
}

interface Parts {
  readonly log: Logger;
  readonly database: Database;
  readonly queue: PgBossQueue;
  readonly caching: Caching;
  readonly storage: StorageClient;
  readonly spool: LogSpool;
  readonly grpc: GrpcServer;
  readonly ops: OpsServer;
}

class App implements ApiGrpc {
  readonly #parts: Parts;
  readonly #shutdown: Shutdown;

  constructor(parts: Parts) {
    const { log, database, queue, caching, storage, spool, grpc, ops } = parts;
    this.#parts = parts;
    this.#shutdown = new Shutdown(log);
    this.#shutdown.on('not-ready', 'ops', 100, () => ops.drain());
    this.#shutdown.on('not-ready', 'grpc', 100, () => grpc.drain());
    this.#shutdown.on('drain', 'grpc', drainMs + 1000, () => grpc.stop(drainMs));
    this.#shutdown.on('close', 'ops', 1000, () => ops.stop());
    this.#shutdown.on('close', 'imports', 1000, () => spool.stop());
    this.#shutdown.on('close', 'storage', 1000, () => storage.close());
    this.#shutdown.on('close', 'queue', 5000, () => queue.stop());
    // Its last signals go out over the database.
    this.#shutdown.on('close', 'cache and database', 5000, async () => {
      await caching.stop();
      await database.stop();
    });
  }

  get grpcPort(): number {
    return this.#parts.grpc.port;
  }

  get opsPort(): number {
    return this.#parts.ops.port;
  }

  async start(): Promise<void> {
    const { log, queue, caching, spool, ops, grpc } = this.#parts;
    log.warn({ AUTH_MODE: 'disabled' }, 'authentication is disabled: whoever reaches this port may read and change everything');
    spool.start();
    await Promise.all([queue.start(), caching.start()]);
    await ops.start();
    await grpc.start();
    log.info({ grpcPort: grpc.port, opsPort: ops.port, cache: caching.kind }, 'serving');
  }

  async stop(): Promise<void> {
    await this.#shutdown.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
