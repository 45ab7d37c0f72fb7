import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgres } from '@cloudscan/embedded-postgres';
import type { EmbeddedPostgresOptions } from '@cloudscan/embedded-postgres';
import type { Service } from '@cloudscan/process';

export interface RestartingPostgresOptions extends Omit<EmbeddedPostgresOptions, 'onUnexpectedExit'> {
  /** Gets one sentence about each end that nobody asked for, and about each start that failed. */
  readonly onTrouble: (message: string) => void;
}

/** Milliseconds between a failed start and the next. */
const retryMs = 2000;

/** The embedded PostgreSQL, started again when it ends by itself. */
export class RestartingPostgres implements Service {
  readonly #options: RestartingPostgresOptions;
  readonly #postgres: EmbeddedPostgres;
  #stopped = new AbortController();
  #restart: Promise<void> = Promise.resolve();

  constructor(options: RestartingPostgresOptions) {
    this.#options = options;
    this.#postgres = new EmbeddedPostgres({
      ...options,
      onUnexpectedExit: () => {
        this.#restart = this.#startAgain();
      },
    });
  }

  get port(): number {
    return this.#postgres.port;
  }

  async start(): Promise<void> {
    this.#stopped = new AbortController();
    await this.#postgres.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#restart;
    await this.#postgres.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #startAgain(): Promise<void> {
    const { signal } = this.#stopped;
    this.#options.onTrouble('PostgreSQL ended; starting it again');
    while (!signal.aborted) {
      try {
        return await this.#postgres.start();
      } catch (error) {
        this.#options.onTrouble((error as Error).message);
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
