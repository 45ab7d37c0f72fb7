import { Database, Lease, lockIds } from '@cloudscan/database';
import { GrpcServer } from '@cloudscan/grpc';
import type { FilesystemEdge } from '@cloudscan/object-store';
import { OpsServer, PeriodicTask, Shutdown } from '@cloudscan/process';
import type { Service } from '@cloudscan/process';
import { createLogger, createMetricsRegistry } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import { ArtifactRepository, storageRoles } from './artifact-repository.ts';
import { Artifacts } from './artifacts.ts';
import { openBackend } from './backend.ts';
import { Collector } from './collector.ts';
import type { StorageConfig } from './config.ts';
import { StorageMetrics } from './metrics.ts';
import { MultipartUploads } from './multipart-uploads.ts';
import { QuotaRepository } from './quota-repository.ts';
import { Reconciliation } from './reconciliation.ts';
import { storageService } from './storage-service.ts';

const service = 'cloudscan-storage';
/** Milliseconds that calls and transfers under way are given when the process stops; a pod has 30 s in all. */
const drainMs = 15_000;
/** A request to complete an upload names up to 10,000 parts. */
const maxMessageBytes = 4 * 1024 * 1024;
const defaultDeadlineMs = 60_000;

export interface StorageApp extends Service {
  /** The ports in use, once started. */
  readonly grpcPort: number;
  /** Null where clients speak to the store itself. */
  readonly httpPort: number | null;
  readonly opsPort: number;
  readonly collector: Collector;
}

/** What a test may put in another's place. */
export interface Overrides {
  readonly log?: Logger;
  readonly now?: () => Date;
}

/** Opens the data folder and connects to the database; listens once started. */
export async function createApp(config: StorageConfig, overrides: Overrides = {}): Promise<StorageApp> {
  const log = overrides.log ?? createLogger(service, config.logLevel);
  const now = overrides.now ?? (() => new Date());
  const registry = createMetricsRegistry(service);
  const metrics = new StorageMetrics(registry);
  const { retentionMs, urlMs } = config;
  const { store, edge } = await openBackend(config.backend, {
    drainMs,
    onTransfer: (transfer) => metrics.recordTransfer(transfer),
    onError: (error) => log.error({ error }, 'a transfer failed on this side'),
  });
  const database = await Database.connect(config.database, {
    applicationName: service,
    roles: storageRoles,
    onIdleError: (error) => log.warn({ error }, 'an idle database connection was lost'),
  });
  const quotas = new QuotaRepository(database, config.quota);
  const repository = new ArtifactRepository(database, quotas);
  const artifacts = new Artifacts(repository, quotas, store, { retentionMs, now });
  const uploads = new MultipartUploads(artifacts, repository, store, urlMs);
  const grpc = new GrpcServer({
    ...config.grpc,
    tls: config.tls,
    services: [storageService(artifacts, uploads, quotas)],
    ...{ log, registry, maxMessageBytes, defaultDeadlineMs },
  });
  const lease = new Lease(config.database, { applicationName: `${service}-lease`, lockId: lockIds.storageCollector });
  const reconciliation = new Reconciliation(repository, quotas, artifacts, store);
  const collector = new Collector(repository, artifacts, store, reconciliation, lease, {
    graceMs: config.collector.graceMs,
    now,
    onError: (error) => log.warn({ error }, 'not everything could be collected; the next pass tries again'),
  });
  const collecting = new PeriodicTask(
    {
      name: 'collect',
      intervalMs: config.collector.intervalMs,
      onError: (error) => log.warn({ error }, 'a collector pass failed; the next one goes on'),
    },
    async (signal) => {
      const collected = await collector.runOnce(signal);
      if (collected === null) return;
      metrics.recordCollected(collected);
      if (Object.values(collected).some((count) => count > 0)) log.info(collected, 'collected');
    },
  );
  const ops = new OpsServer({
    ...config.ops,
    checks: [
      { name: 'postgresql', required: true, check: () => database.ping() },
      { name: 'object_store', required: true, check: () => store.check() },
    ],
    metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  });
  return new App({ log, database, edge, grpc, lease, collector, collecting, ops });
}

interface Parts {
  readonly log: Logger;
  readonly database: Database;
  /** Null where clients speak to the store itself. */
  readonly edge: FilesystemEdge | null;
  readonly grpc: GrpcServer;
  readonly lease: Lease;
  readonly collector: Collector;
  readonly collecting: PeriodicTask;
  readonly ops: OpsServer;
}

class App implements StorageApp {
  readonly #parts: Parts;
  readonly #shutdown: Shutdown;

  constructor(parts: Parts) {
    const { log, database, edge, grpc, lease, collecting, ops } = parts;
    this.#parts = parts;
    this.#shutdown = new Shutdown(log);
    this.#shutdown.on('not-ready', 'ops', 100, () => ops.drain());
    this.#shutdown.on('not-ready', 'grpc', 100, () => grpc.drain());
    this.#shutdown.on('drain', 'grpc', drainMs + 1000, () => grpc.stop(drainMs));
    if (edge !== null) this.#shutdown.on('drain', 'edge', drainMs + 1000, () => edge.stop());
    this.#shutdown.on('drain', 'collector', drainMs, () => collecting.stop());
    this.#shutdown.on('close', 'ops', 1000, () => ops.stop());
    this.#shutdown.on('close', 'lease', 1000, () => lease.stop());
    this.#shutdown.on('close', 'database', 5000, () => database.stop());
  }

  get grpcPort(): number {
    return this.#parts.grpc.port;
  }

  get httpPort(): number | null {
    return this.#parts.edge?.port ?? null;
  }

  get opsPort(): number {
    return this.#parts.ops.port;
  }

  get collector(): Collector {
    return this.#parts.collector;
  }

  async start(): Promise<void> {
    const { log, edge, grpc, collecting, ops } = this.#parts;
    await ops.start();
    await edge?.start();
    await grpc.start();
    await collecting.start();
    log.info({ grpcPort: grpc.port, httpPort: this.httpPort, opsPort: ops.port }, 'serving');
  }

  async stop(): Promise<void> {
    await this.#shutdown.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
