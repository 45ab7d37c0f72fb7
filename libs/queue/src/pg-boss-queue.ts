import { createHash } from 'node:crypto';
import { clientConfig, Listener, resolveTls } from '@cloudscan/database';
import type { DatabaseConfig, Transaction } from '@cloudscan/database';
import { unavailable } from '@cloudscan/domain';
import type { QueueMessages, QueueName, ScanQueue } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { PgBoss } from 'pg-boss';
import { Consumer } from './consumer.ts';
import type { Handler } from './consumer.ts';
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
  /** Milliseconds that handlers get to end when their consumer stops; 8,000 by default. */
  readonly drainMs?: number;
}

/** One message to be sent, as the repositories give it. */
type Outgoing = { readonly [Q in QueueName]: { readonly queue: Q; readonly message: QueueMessages[Q] } }[QueueName];

/** The PostgreSQL schema of pg-boss. */
const schema = 'pgboss';

/** Connections beside the one that listens: for fetching, for settling and for supervision. */
const consumerConnections = 4;

/** Seconds between looks for messages whose heartbeat was missed: with the heartbeat's ten, how long a dead consumer's message rests. */
const superviseSeconds = 5;

/** Seconds between removals of done messages. */
const maintenanceSeconds = 60;

/** Well inside a pod's grace period. */
const defaultDrainMs = 8000;

/** What pg-boss notifies with the name of a queue that got a message; see `notifyChannelSql` of its plans. */
const channel = `pgboss_${createHash('sha224').update(schema).digest('hex').slice(0, 24)}`;

/**
 * The queues in PostgreSQL, by pg-boss. It has connections of its own, survives restarts of the server, and is the
 * TransactionalJobs of the repositories too: `send` writes in their transaction.
 */
export class PgBossQueue implements ScanQueue, AsyncDisposable {
  readonly #config: DatabaseConfig;
  readonly #options: PgBossQueueOptions;
  readonly #consumers = new Set<{ readonly queue: QueueName; notify(): void; stop(): Promise<void> }>();
  #boss: PgBoss | null = null;
  #listener: Listener | null = null;

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
    const listener = this.#options.mode === 'consume' ? this.#createListener() : null;
    try {
      await boss.start();
      await listener?.start();
    } catch (error) {
      await boss.stop({ graceful: false }).catch(() => undefined);
      throw unavailable('the queue', error);
    }
    this.#boss = boss;
    this.#listener = listener;
  }

  /** Waits for the handlers at work, up to `drainMs`; then aborts their signals and gives their messages back. Idempotent. */
  async stop(): Promise<void> {
    const boss = this.#boss;
    const listener = this.#listener;
    this.#boss = null;
    this.#listener = null;
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await listener?.stop();
    await boss?.stop({ graceful: false });
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
    const { logger, drainMs = defaultDrainMs } = this.#options;
    const consumer = new Consumer({ boss: this.#started(), queue, concurrency, handler, logger, drainMs });
    const entry = { queue, notify: () => consumer.notify(), stop: () => consumer.stop() };
    this.#consumers.add(entry);
    consumer.start();
    return async () => {
      await consumer.stop();
      this.#consumers.delete(entry);
    };
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

  #createListener(): Listener {
    const { applicationName, logger } = this.#options;
    const notify = (queue: string | null): void => {
      for (const consumer of this.#consumers) if (queue === null || consumer.queue === queue) consumer.notify();
    };
    return new Listener(this.#config, {
      applicationName,
      channel,
      onPayload: (queue) => notify(queue),
      onGap: () => notify(null),
      onError: (error) => logger.warn({ error }, 'the queue cannot be listened to; it is read every two seconds meanwhile'),
    });
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
      schema,
      // The schema, its indexes included, belongs to the migrations' login.
      migrate: false,
      reindex: false,
      schedule: false,
      registerInstance: false,
      supervise: consumes,
      superviseIntervalSeconds: superviseSeconds,
      monitorIntervalSeconds: superviseSeconds,
      maintenanceIntervalSeconds: maintenanceSeconds,
    };
  }
}
