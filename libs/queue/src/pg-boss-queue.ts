import { clientConfig, resolveTls } from '@cloudscan/database';
import type { DatabaseConfig, Transaction } from '@cloudscan/database';
import { unavailable } from '@cloudscan/domain';
import type { Delivery, QueueMessages, QueueName, ScanQueue } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { PgBoss } from 'pg-boss';
import type { JobResult, JobWithMetadata } from 'pg-boss';
import { keyOf } from './queues.ts';

export interface PgBossQueueOptions {
  readonly applicationName: string;
  /** The database role that owns the queues' rights; the login must be a member. */
  readonly role: string;
  /**
   * `send`: only sends, with one connection for what pg-boss keeps up to date. `consume`: also listens, hands messages out,
   * and looks for messages whose consumer died.
   */
  readonly mode: 'send' | 'consume';
  readonly logger: Logger;
}

/** One message to be sent, as the repositories give it. */
type Outgoing = { readonly [Q in QueueName]: { readonly queue: Q; readonly message: QueueMessages[Q] } }[QueueName];

type Handler<Q extends QueueName> = (message: QueueMessages[Q], signal: AbortSignal, delivery: Delivery) => Promise<void>;

/** Connections beside the one that listens: two for fetching and settling at once, one for supervision. */
const consumerConnections = 3;

/** Seconds between looks for messages whose heartbeat was missed: with the heartbeat's ten, how long a dead consumer's message rests. */
const superviseSeconds = 5;

/** Seconds between looks for messages that no notification tells of, such as those whose pause before the next try is over. */
const backstopSeconds = { listening: 2, notListening: 1 } as const;

/** Seconds between heartbeats, a third of what the queues allow. */
const heartbeatSeconds = 3;

/** How many messages a fetch takes at least: pg-boss goes on without a pause only after a full fetch of more than one. */
const batchSize = 2;

/** Milliseconds that handlers get to end when the queue stops; then their signals abort and their messages go to others. */
const stopMs = 20_000;

/**
 * The queues in PostgreSQL, by pg-boss. It has connections of its own, survives restarts of the server, and is the
 * TransactionalJobs of the repositories too: `send` writes in their transaction.
 */
export class PgBossQueue implements ScanQueue, AsyncDisposable {
  readonly #config: DatabaseConfig;
  readonly #options: PgBossQueueOptions;
  #boss: PgBoss | null = null;

  constructor(config: DatabaseConfig, options: PgBossQueueOptions) {
    this.#config = config;
    this.#options = options;
  }

  /** Throws `unavailable` when the server cannot be reached; may be called again then. */
  async start(): Promise<void> {
    if (this.#boss !== null) return;
    const { logger } = this.#options;
    const boss = new PgBoss(await this.#bossOptions());
    boss.on('error', (error) => logger.warn({ error }, 'the queue met an error and goes on'));
    boss.on('warning', ({ message, data }) => logger.warn({ data }, message));
    try {
      await boss.start();
    } catch (error) {
      await boss.stop({ graceful: false }).catch(() => undefined);
      throw unavailable('the queue', error);
    }
    this.#boss = boss;
  }

  /** Waits for the handlers at work, up to 20 seconds, then aborts their signals. Idempotent. */
  async stop(): Promise<void> {
    const boss = this.#boss;
    this.#boss = null;
    await boss?.stop({ graceful: true, timeout: stopMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Sends in the caller's transaction, one statement per queue; a message whose key waits or is at work is left out. */
  async send(transaction: Transaction, messages: readonly Outgoing[]): Promise<void> {
    const db = { executeSql: async (text: string, values?: unknown[]) => ({ rows: [...(await transaction.query(text, values)).rows] }) };
    for (const [queue, group] of Map.groupBy(messages, (outgoing) => outgoing.queue)) {
      const jobs = group.map(({ message }) => ({ data: message, singletonKey: keyOf(queue, message) }));
      await this.#started().insert(queue, jobs, { db });
    }
  }

  async consume<Q extends QueueName>(
    queue: Q,
    { concurrency }: { readonly concurrency: number },
    handler: Handler<Q>,
  ): Promise<() => Promise<void>> {
    const boss = this.#started();
    // A fetch is settled message by message but ends with its slowest, so many small fetches serve better than one large.
    const options = {
      batchSize,
      localConcurrency: Math.max(1, Math.floor(concurrency / batchSize)),
      burstWhenBatchFull: true,
      includeMetadata: true,
      perJobResults: true,
      pollingIntervalSeconds: backstopSeconds.notListening,
      notifyPollingIntervalSeconds: backstopSeconds.listening,
      heartbeatRefreshSeconds: heartbeatSeconds,
    } as const;
    const id = await boss.work<QueueMessages[Q], unknown, typeof options>(queue, options, async (jobs) => {
      if (concurrency > 1) return Promise.all(jobs.map((job) => this.#handle(queue, job, handler)));
      const results: JobResult[] = [];
      for (const job of jobs) results.push(await this.#handle(queue, job, handler));
      return results;
    });
    return () => boss.offWork(queue, { id, wait: true });
  }

  /** As of the supervisor's last look, a few seconds ago. */
  async depth(queue: QueueName): Promise<number> {
    const [stats] = await this.#started()
      .getQueueStats(queue)
      .catch((error: unknown) => {
        throw unavailable('the queue', error);
      });
    return stats?.queuedCount ?? 0;
  }

  async #handle<Q extends QueueName>(queue: Q, job: JobWithMetadata<QueueMessages[Q]>, handler: Handler<Q>): Promise<JobResult> {
    const isLast = job.retryCount >= job.retryLimit;
    try {
      await handler(job.data, job.signal, { isLast });
      return { id: job.id, status: 'completed' };
    } catch (error) {
      this.#options.logger.warn({ queue, message: job.data, tries: job.retryCount + 1, isLast, error }, 'a message could not be handled');
      return { id: job.id, status: 'failed', output: { message: error instanceof Error ? error.message : String(error) } };
    }
  }

  #started(): PgBoss {
    if (this.#boss === null) throw unavailable('the queue');
    return this.#boss;
  }

  async #bossOptions(): Promise<ConstructorParameters<typeof PgBoss>[0] & object> {
    const { applicationName, role, mode } = this.#options;
    const { host, port, user, password, database, ssl } = clientConfig(this.#config, await resolveTls(this.#config), applicationName);
    const consumes = mode === 'consume';
    return {
      ...{ host, port, user, password: password as string, database, ssl, application_name: applicationName },
      options: `-c role=${role}`,
      max: consumes ? consumerConnections : 1,
      schema: 'pgboss',
      // The schema, its indexes included, belongs to the migrations' login.
      migrate: false,
      reindex: false,
      schedule: false,
      registerInstance: false,
      supervise: consumes,
      useListenNotify: consumes,
      superviseIntervalSeconds: superviseSeconds,
      monitorIntervalSeconds: superviseSeconds,
      maintenanceIntervalSeconds: 300,
    };
  }
}
