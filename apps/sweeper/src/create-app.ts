import { systemScope } from '@cloudscan/auth';
import { createCaching } from '@cloudscan/cache';
import type { Caching } from '@cloudscan/cache';
import { Database, Lease, lockIds, orchestratorRoles } from '@cloudscan/database';
import { createJobDispatcher } from '@cloudscan/job-dispatch';
import type { JobPlatform } from '@cloudscan/job-dispatch';
import type { AttestationPorts, JobDispatcher, StorageClient } from '@cloudscan/orchestration';
import { OpsServer, packageVersion, PeriodicTask, Shutdown } from '@cloudscan/process';
import type { Service } from '@cloudscan/process';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories, PgCleanerRunRepository, PgLocalJobRepository } from '@cloudscan/repositories';
import { GrpcStorageClient, uploadArtifact } from '@cloudscan/storage-client';
import { createLogger, createMetricsRegistry } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import { CleanerMetrics } from './cleaner-metrics.ts';
import type { SweeperConfig } from './config.ts';
import { consumeMessages } from './consume-messages.ts';
import { SweeperMetrics } from './metrics.ts';
import { Sweeper } from './sweeper.ts';

const service = 'cloudscan-sweeper';
const dayMs = 86_400_000;
/**
 * Milliseconds between two questions for the lease, and without one after which the server gives it to another: a leader that
 * dies is followed after the first, one that freezes after both.
 */
const leaseMs = { renew: 2000, expires: 8000 };
/** Milliseconds that a pass and the messages at work are given when the process stops; a pod has 30 s in all. */
const drainMs = 20_000;

export interface SweeperApp extends Service {
  readonly sweeper: Sweeper;
  /** In use, once started. */
  readonly opsPort: number;
}

/** What a test may put in another's place. */
export interface Overrides {
  readonly jobs?: JobDispatcher;
  readonly storage?: StorageClient;
  readonly log?: Logger;
}

/** Connects to the database; sweeps once started, if no other process does. */
export async function createApp(config: SweeperConfig, overrides: Overrides = {}): Promise<SweeperApp> {
  const log = overrides.log ?? createLogger(service, config.logLevel);
  const registry = createMetricsRegistry(service);
  const database = await Database.connect(config.database, {
    applicationName: service,
    roles: orchestratorRoles,
    onIdleError: (error) => log.warn({ error }, 'an idle database connection was lost'),
  });
  const caching = createCaching({ redis: config.redis, database, databaseConfig: config.database, applicationName: service, log });
  const queue = new PgBossQueue(config.database, {
    applicationName: service,
    role: orchestratorRoles.system,
    mode: 'consume',
    logger: log,
  });
  const storage = overrides.storage ?? new GrpcStorageClient(config.storage.endpoint, config.storage);
  const { scans, systemScans } = createRepositories(database, queue);
  const clock = { now: () => new Date() };
  const localJobs = new PgLocalJobRepository(database);
  const platform = await createJobDispatcher(config.jobs, { localJobs, clock, database: config.database, log, actor: 'sweeper' });
  const policy = { limits: config.limits, maxAttempts: config.jobs.maxAttempts };
  const ports = {
    scope: systemScope('sweeper'),
    scans,
    system: systemScans,
    jobs: overrides.jobs ?? platform.jobs,
    events: caching.events,
    clock,
    policy,
    actor: 'sweeper',
  };
  const lease = new Lease(config.database, { applicationName: `${service}-lease`, lockId: lockIds.sweeper, expiresMs: leaseMs.expires });
  const sweeper: Sweeper = new Sweeper(ports, lease, {
    policy: config.policy,
    pendingTtlMs: config.pendingTtlMs,
    log,
    metrics: new SweeperMetrics(registry),
    onLead: () => [sweeping, collecting, partitioning].forEach((task) => task.wake()),
  });
  const every = (name: string, intervalMs: number, runOnce: (signal: AbortSignal) => Promise<unknown>): PeriodicTask =>
    new PeriodicTask(
      { name, intervalMs, onError: (error) => log.warn({ task: name, error }, 'a pass failed; the next one tries again') },
      runOnce,
    );
  const leading = every('lead', leaseMs.renew, () => sweeper.lead());
  const sweeping = every('sweep', config.sweepIntervalMs, (signal) => sweeper.sweepOnce(signal));
  const collecting = every('collect', config.collectIntervalMs, (signal) => sweeper.collectOnce(signal));
  const partitioning = every('partitions', dayMs, () => sweeper.partitionOnce());
  const cleanerRuns = new PgCleanerRunRepository(database);
  const cleanerMetrics = new CleanerMetrics(registry, {
    read: () => cleanerRuns.statistics(ports.scope),
    leads: () => lease.isHeld,
    log,
  });
  const ops = new OpsServer({
    ...config.ops,
    checks: [
      { name: 'postgresql', required: true, check: () => database.ping() },
      { name: 'storage', required: false, check: (signal) => storage.ping(signal) },
      // Told, but no reason not to be ready: the watch mends itself, and nobody else could do better.
      { name: 'jobs', required: false, check: async () => sweeper.checkWatch() },
    ],
    metrics: async () => {
      await cleanerMetrics.observe();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  });
  const { attestationKey: key } = config;
  const attestation = key && { scope: ports.scope, scans, storage, upload: uploadArtifact, key, version: packageVersion(import.meta.url) };
  return new App({
    ...{ log, database, caching, queue, storage, platform, lease, sweeper, ops },
    attestation,
    leading,
    tasks: [sweeping, collecting, partitioning],
    concurrency: config.concurrency,
  });
}

interface Parts {
  readonly log: Logger;
  readonly database: Database;
  readonly caching: Caching;
  readonly queue: PgBossQueue;
  readonly storage: StorageClient;
  readonly platform: JobPlatform;
  readonly lease: Lease;
  readonly sweeper: Sweeper;
  /** Null where no key is there to sign with. */
  readonly attestation: AttestationPorts | null;
  /** Keeps the lease; the others do what the leader does. */
  readonly leading: PeriodicTask;
  readonly tasks: readonly PeriodicTask[];
  readonly ops: OpsServer;
  readonly concurrency: number;
}

class App implements SweeperApp {
  readonly #parts: Parts;
  readonly #shutdown: Shutdown;
  #stopConsuming: () => Promise<void> = () => Promise.resolve();

  constructor(parts: Parts) {
    const { log, database, caching, queue, storage, platform, lease, sweeper, leading, tasks, ops } = parts;
    this.#parts = parts;
    this.#shutdown = new Shutdown(log);
    this.#shutdown.on('not-ready', 'ops', 100, () => ops.drain());
    this.#shutdown.on('stop-intake', 'lead', 6000, () => leading.stop());
    this.#shutdown.on('drain', 'messages', drainMs, () => this.#stopConsuming());
    for (const task of tasks) this.#shutdown.on('drain', 'pass', drainMs, () => task.stop());
    this.#shutdown.on('drain', 'looks', drainMs, () => sweeper.stop());
    this.#shutdown.on('cancel', 'lease', 1000, () => lease.stop());
    this.#shutdown.on('close', 'platform', 1000, () => platform.stop());
    this.#shutdown.on('close', 'ops', 1000, () => ops.stop());
    this.#shutdown.on('close', 'storage', 1000, () => storage.close());
    this.#shutdown.on('close', 'queue and database', 5000, async () => {
      await queue.stop();
      await caching.stop();
      await database.stop();
    });
  }

  get sweeper(): Sweeper {
    return this.#parts.sweeper;
  }

  get opsPort(): number {
    return this.#parts.ops.port;
  }

  async start(): Promise<void> {
    const { log, caching, queue, storage, attestation, leading, tasks, ops, concurrency } = this.#parts;
    await ops.start();
    await Promise.all([queue.start(), caching.start()]);
    this.#stopConsuming = await consumeMessages({ log, queue, storage, attestation, concurrency });
    for (const task of [leading, ...tasks]) await task.start();
    log.info({ opsPort: ops.port }, 'standing by');
  }

  async stop(): Promise<void> {
    await this.#shutdown.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
