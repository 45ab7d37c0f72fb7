import pg from 'pg';
import type { DatabaseConfig } from './config.ts';
import { clientConfig, resolveTls } from './connection.ts';
import { toDomainError } from './errors.ts';

export interface LeaseOptions {
  readonly applicationName: string;
  /** One of `lockIds`. */
  readonly lockId: number;
  /**
   * Milliseconds without a `hold` after which the server takes the lease away, also from a holder that is frozen or cut off
   * without its connection having ended. 0, the default: never.
   */
  readonly expiresMs?: number;
}

/** Milliseconds that the server may take to answer; one that takes longer is as good as gone. */
const answerLimitMs = 5000;
/** Of the time after which the server takes a lease away, the share in which its holder counts on it. */
const trustedShare = 0.75;

/**
 * Makes one process the owner of something: holds a session-level advisory lock on a connection of its own. The server
 * lets go of it the moment that connection ends, so a holder that is killed is followed at once.
 *
 * A frozen holder's kernel keeps the connection alive, so TCP does not tell; the server does, by `idle_session_timeout`
 * (PostgreSQL, section 19.11.1): it ends a session that sends nothing for `expiresMs`. A holder that is asked for `isHeld`
 * counts from before its last question, so it stops relying on the lease before the server has given it to another, without
 * any two clocks being compared. Without `expiresMs` it learns of a loss at its next `hold`, not before: what it does under
 * the lease must bear a second owner for that long.
 */
export class Lease implements AsyncDisposable {
  readonly #config: DatabaseConfig;
  readonly #options: LeaseOptions;
  #client: pg.Client | null = null;
  #isHeld = false;
  /** When the last question that was answered was asked. */
  #askedAt = 0;

  constructor(config: DatabaseConfig, options: LeaseOptions) {
    this.#config = config;
    this.#options = options;
  }

  /** As of the last `hold`, or the loss of the connection or the end of its time since. */
  get isHeld(): boolean {
    const { expiresMs = 0 } = this.#options;
    return this.#isHeld && (expiresMs === 0 || performance.now() - this.#askedAt < expiresMs * trustedShare);
  }

  /**
   * Whether this process holds the lease now: asks the server, and takes the lease when it is free. Not to be called again
   * before it has answered.
   *
   * @throws unavailable when the server cannot be reached
   */
  async hold(): Promise<boolean> {
    try {
      const client = (this.#client ??= await this.#connect());
      const askedAt = performance.now();
      // Session locks count how often they were taken, so one that is held is not taken again.
      const statement = this.#isHeld ? 'SELECT true AS held' : 'SELECT pg_try_advisory_lock($1) AS held';
      const { rows } = await client.query<{ held: boolean }>(statement, this.#isHeld ? [] : [this.#options.lockId]);
      // The connection may have ended since it answered.
      this.#isHeld = rows[0]!.held && this.#client === client;
      this.#askedAt = askedAt;
      return this.isHeld;
    } catch (error) {
      // Not waited for: a server that does not answer does not say goodbye either.
      void this.stop();
      throw toDomainError(error);
    }
  }

  /** Lets go of it. Idempotent; `hold` may be called again. */
  async stop(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    this.#isHeld = false;
    await client?.end().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #connect(): Promise<pg.Client> {
    const { applicationName, expiresMs = 0 } = this.#options;
    const base = clientConfig(this.#config, await resolveTls(this.#config), applicationName);
    const client = new pg.Client({ ...base, query_timeout: answerLimitMs, options: `-c idle_session_timeout=${expiresMs}` });
    const onLoss = (): void => {
      if (this.#client !== client) return;
      this.#client = null;
      this.#isHeld = false;
    };
    client.on('error', onLoss);
    client.on('end', onLoss);
    await client.connect();
    return client;
  }
}
