import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '@cloudscan/domain';
import type { Delivery, QueueMessages, QueueName } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import type { JobWithMetadata, PgBoss } from 'pg-boss';
import { Outage } from './outage.ts';
import { keyOf } from './queues.ts';

export type Handler<Q extends QueueName> = (message: QueueMessages[Q], signal: AbortSignal, delivery: Delivery) => Promise<void>;

export interface ConsumerOptions<Q extends QueueName> {
  readonly boss: PgBoss;
  readonly queue: Q;
  /** Messages at work at a time. */
  readonly concurrency: number;
  readonly handler: Handler<Q>;
  readonly logger: Logger;
  /** Milliseconds that handlers get to end when the consumer stops; then their signals abort and others get their messages. */
  readonly drainMs: number;
}

type Job<Q extends QueueName> = JobWithMetadata<QueueMessages[Q]>;

/** Milliseconds between looks for messages that no notification tells of, such as those whose pause is over. */
const backstopMs = 2000;

/** Milliseconds until the queue is asked again after an error. */
const errorMs = 1000;

/** Milliseconds between signs of life, a third of what the queues allow. */
const heartbeatMs = 3000;

/** The part of the concurrency that one fetch takes, so that consumers which are woken together share what has come. */
const fetchShare = 1 / 4;

/**
 * Takes messages of one queue as its slots become free, and settles those that end together in one statement. Unlike
 * pg-boss's own workers it never waits for the slowest of a batch, gives back at once what it cannot end, and counts no try
 * of a message while what its handler depends on is away.
 */
export class Consumer<Q extends QueueName> {
  readonly #options: ConsumerOptions<Q>;
  readonly #outage = new Outage();
  readonly #atWork = new Map<string, { readonly job: Job<Q>; readonly done: Promise<void> }>();
  /** Nothing more is taken. */
  readonly #stopping = new AbortController();
  /** What is still at work is given back. */
  readonly #abandoned = new AbortController();
  readonly #drained = new AbortController();
  #taking: Promise<void> = Promise.resolve();
  #beating: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | null = null;
  #wake: () => void = () => undefined;
  #isWoken = false;
  /** Whether messages may wait that the last fetch did not take. */
  #mayWait = true;
  #ended: Job<Q>[] = [];
  #completion: Promise<unknown> = Promise.resolve();
  #nextCompletion: Promise<unknown> | null = null;

  constructor(options: ConsumerOptions<Q>) {
    this.#options = options;
  }

  start(): void {
    this.#taking = this.#take();
    this.#beating = this.#beat();
  }

  /** Looks for messages now. */
  notify(): void {
    this.#outage.probe();
    this.#look();
  }

  /** Takes nothing more and waits for what is at work; gives back what does not end in time. Idempotent. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#drain());
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    this.#look();
    await this.#taking;
    const atWork = Promise.all([...this.#atWork.values()].map(({ done }) => done));
    const isDone = await Promise.race([atWork.then(() => true), delay(this.#options.drainMs, false, { ref: false })]);
    if (!isDone) {
      this.#abandoned.abort();
      await this.#giveBack([...this.#atWork.values()].map(({ job }) => job));
    }
    this.#drained.abort();
    await this.#beating;
  }

  #look(): void {
    this.#mayWait = true;
    this.#isWoken = true;
    this.#wake();
  }

  async #take(): Promise<void> {
    const { boss, queue, concurrency, logger } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#isWoken = false;
      const wanted = this.#outage.allow(Math.min(concurrency - this.#atWork.size, Math.ceil(concurrency * fetchShare)));
      let restMs = this.#outage.waitMs || backstopMs;
      if (wanted > 0) {
        try {
          const jobs = await boss.fetch<QueueMessages[Q]>(queue, { batchSize: wanted, includeMetadata: true });
          if (this.#stopping.signal.aborted) return await this.#giveBack(jobs);
          for (const job of jobs) this.#begin(job);
          this.#mayWait = this.#isWoken || jobs.length === wanted;
          if (this.#mayWait) restMs = 0;
        } catch (error) {
          logger.warn({ queue, error }, 'the queue could not be read; it is tried again');
          restMs = errorMs;
        }
      }
      if (restMs > 0 && !this.#isWoken) await this.#rest(restMs);
    }
  }

  async #rest(ms: number): Promise<void> {
    const woken = Promise.withResolvers<void>();
    const timer = setTimeout(woken.resolve, ms);
    this.#wake = woken.resolve;
    await woken.promise;
    clearTimeout(timer);
  }

  #begin(job: Job<Q>): void {
    const { logger, queue } = this.#options;
    const done = this.#handle(job)
      .catch((error: unknown) => logger.warn({ queue, message: job.data, error }, 'a message could not be settled; it comes again'))
      .finally(() => {
        this.#atWork.delete(job.id);
        if (this.#mayWait) this.#look();
      });
    this.#atWork.set(job.id, { job, done });
  }

  async #handle(job: Job<Q>): Promise<void> {
    const { queue, handler, logger } = this.#options;
    const { signal } = this.#abandoned;
    const isLast = job.retryCount >= job.retryLimit;
    try {
      await handler(job.data, signal, { isLast });
      this.#outage.succeeded();
    } catch (error) {
      logger.warn({ queue, message: job.data, tries: job.retryCount + 1, isLast, error }, 'a message could not be handled');
      if (!signal.aborted) await this.#fail(job, error);
      return;
    }
    if (!signal.aborted) await this.#complete(job);
  }

  /** One statement at a time; what ends meanwhile goes with the next. */
  #complete(job: Job<Q>): Promise<unknown> {
    const { boss, queue } = this.#options;
    this.#ended.push(job);
    return (this.#nextCompletion ??= this.#completion.then(() => {
      const jobs = this.#ended;
      this.#ended = [];
      this.#nextCompletion = null;
      const complete = (): Promise<unknown> => boss.complete(queue, jobs);
      // Once more where a connection was cut, or these would be handled again.
      const completion = complete().catch(() => delay(errorMs).then(complete));
      this.#completion = completion.catch(() => undefined);
      return completion;
    }));
  }

  async #fail(job: Job<Q>, error: unknown): Promise<void> {
    const { boss, queue } = this.#options;
    const retryAfterMs = error instanceof DomainError ? (error.retryAfterMs ?? 0) : 0;
    if (isAway(error)) {
      await this.#sendAgain([job], { afterMs: Math.max(retryAfterMs, this.#outage.failed()), usedTries: 0 });
    } else if (retryAfterMs > 0 && job.retryCount < job.retryLimit) {
      await this.#sendAgain([job], { afterMs: retryAfterMs, usedTries: 1 });
    } else {
      await boss.fail(queue, job, { message: error instanceof Error ? error.message : String(error) });
    }
  }

  async #giveBack(jobs: readonly Job<Q>[]): Promise<void> {
    const { logger, queue } = this.#options;
    await this.#sendAgain(jobs, { afterMs: 0, usedTries: 0 }).catch((error: unknown) =>
      logger.warn({ queue, error }, 'messages could not be given back; they come again once their heartbeat is missed'),
    );
  }

  /**
   * Ends messages and sends them again in one transaction: pg-boss has no pause that a handler chooses, and no failure that
   * counts no try. A message that somebody else has taken meanwhile stays as it is, since its key is taken.
   */
  async #sendAgain(
    jobs: readonly Job<Q>[],
    { afterMs, usedTries }: { readonly afterMs: number; readonly usedTries: 0 | 1 },
  ): Promise<void> {
    if (jobs.length === 0) return;
    const { boss, queue } = this.#options;
    const transaction = await boss.getDb().beginTransaction!();
    try {
      const { db } = transaction;
      await boss.complete(queue, [...jobs], null, { db });
      const again = jobs.map(({ data, retryLimit, retryCount }) => ({
        data,
        singletonKey: keyOf(queue, data),
        retryLimit: retryLimit - retryCount - usedTries,
        ...(afterMs > 0 && { startAfter: `${Math.round(afterMs)} milliseconds` }),
      }));
      await boss.insert(queue, again, { db });
      await transaction.commit();
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
    if (afterMs > 0) void delay(afterMs, undefined, { ref: false }).then(() => this.#look());
  }

  /** Tells that the messages at work are in good hands. */
  async #beat(): Promise<void> {
    const { boss, queue, logger } = this.#options;
    const { signal } = this.#drained;
    for (;;) {
      await delay(heartbeatMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      const jobs = [...this.#atWork.values()].map(({ job }) => job);
      if (jobs.length === 0) continue;
      await boss.touch(queue, jobs).catch((error: unknown) => logger.warn({ queue, error }, 'a heartbeat was missed'));
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof DomainError && (error.code === 'unavailable' || error.code === 'deadline_exceeded');
}
