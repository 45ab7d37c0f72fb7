import { systemScope } from '@cloudscan/auth';
import { createCaching } from '@cloudscan/cache';
import type { Caching } from '@cloudscan/cache';
import { Database, orchestratorRoles } from '@cloudscan/database';
import { createJobDispatcher } from '@cloudscan/job-dispatch';
import type { JobPlatform } from '@cloudscan/job-dispatch';
import type { JobDispatcher, SystemPorts } from '@cloudscan/orchestration';
import { OpsServer, PeriodicTask, Shutdown } from '@cloudscan/process';
import type { Service } from '@cloudscan/process';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories, PgLocalJobRepository } from '@cloudscan/repositories';
import { createLogger, createMetricsRegistry } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import type { DispatcherConfig } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import { DispatcherMetrics } from './metrics.ts';

const service = 'cloudscan-dispatcher';
/** Milliseconds that messages at work are given when the process stops; a pod has 30 s in all. */
const drainMs = 10_000;
/** Milliseconds for the runs of this machine to end, where they are to end with it: their grace and the record of it. */
const preemptMs = 15_000;

export interface DispatcherApp extends Service {
  readonly dispatcher: Dispatcher;
  /** In use, once started. */
  readonly opsPort: number;
}

/** What a test may put in another's place. */
export interface Overrides {
  readonly jobs?: JobDispatcher;
  readonly log?: Logger;
}

/** Connects to the database; takes messages once started. */
export async function createApp(config: DispatcherConfig, overrides: Overrides = {}): Promise<DispatcherApp> {
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
  const { scans, systemScans } = createRepositories(database, queue);
  const clock = { now: () => new Date() };
  const platform = await createJobDispatcher(config.jobs, {
    localJobs: new PgLocalJobRepository(database),
    clock,
    database: config.database,
    log,
    actor: service,
  });
  const jobs = overrides.jobs ?? platform.jobs;
  const ports: SystemPorts = {
    scope: systemScope('dispatcher'),
    scans,
    system: systemScans,
    jobs,
    events: caching.events,
    clock,
    policy: { limits: config.limits, maxAttempts: config.jobs.maxAttempts },
    actor: 'dispatcher',
  };
  const dispatcher = new Dispatcher(ports, queue, { concurrency: config.concurrency, log, metrics: new DispatcherMetrics(registry) });
  const admission = new PeriodicTask(
    {
      name: 'admission',
      intervalMs: config.admissionIntervalMs,
      onError: (error) => log.warn({ error }, 'admission failed; it is tried again'),
    },
    () => dispatcher.admitOnce(),
  );
  const ops = new OpsServer({
    ...config.ops,
    checks: [
      { name: 'postgresql', required: true, check: () => database.ping() },
      // Without it messages wait, and what else there is goes on.
      { name: jobs.kind, required: false, check: (signal) => jobs.ping(signal) },
    ],
    metrics: async () => {
      await dispatcher.observeQueue();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  });
  return new App({ log, database, caching, queue, platform, dispatcher, admission, ops });
}

interface Parts {
  readonly log: Logger;
  readonly database: Database;
  readonly caching: Caching;
  readonly queue: PgBossQueue;
  readonly platform: JobPlatform;
  readonly dispatcher: Dispatcher;
  readonly admission: PeriodicTask;
  readonly ops: OpsServer;
}

class App implements DispatcherApp {
  readonly #parts: Parts;
  readonly #shutdown: Shutdown;

  constructor(parts: Parts) {
    const { log, database, caching, queue, platform, dispatcher, admission, ops } = parts;
    this.#parts = parts;
    this.#shutdown = new Shutdown(log);
    this.#shutdown.on('not-ready', 'ops', 100, () => ops.drain());
    this.#shutdown.on('stop-intake', 'admission', 5000, () => admission.stop());
    this.#shutdown.on('drain', 'messages', drainMs, () => dispatcher.stop());
    if (platform.preempt !== null) this.#shutdown.on('cancel', 'runs', preemptMs, platform.preempt);
    this.#shutdown.on('close', 'ops', 1000, () => ops.stop());
    this.#shutdown.on('close', 'connections', 5000, async () => {
      await queue.stop();
      await caching.stop();
      await platform.stop();
      await database.stop();
    });
  }

  get dispatcher(): Dispatcher {
    return this.#parts.dispatcher;
  }

  get opsPort(): number {
    return this.#parts.ops.port;
  }

  async start(): Promise<void> {
    const { log, caching, queue, platform, dispatcher, admission, ops } = this.#parts;
    await platform.prepare();
    await ops.start();
    await Promise.all([queue.start(), caching.start()]);
    await dispatcher.start();
    await admission.start();
    log.info({ opsPort: ops.port }, 'dispatching');
  }

  async stop(): Promise<void> {
    await this.#shutdown.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
