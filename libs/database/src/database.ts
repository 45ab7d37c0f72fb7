import type { Scope } from '@cloudscan/auth';
import { DomainError } from '@cloudscan/domain';
import pg from 'pg';
import type { DatabaseConfig } from './config.ts';
import { clientConfig, resolveTls } from './connection.ts';
import { errorCode, isConnectionLoss, isTransient, toDomainError } from './errors.ts';

/** A statement with a name is prepared once per connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  /** Rows returned or changed. */
  readonly rowCount: number;
}

/** One open transaction. It never leaves the repository that opened it. */
export interface Transaction {
  query<Row extends object = Record<string, unknown>>(
    statement: Statement | string,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
  /** From here on the transaction works for the whole system, for example to admit scans after one was started. */
  becomeSystem(): Promise<void>;
}

/** The database roles that scopes work as. */
export interface DatabaseRoles {
  readonly organization: string;
  readonly system: string;
}

export interface DatabaseOptions {
  readonly applicationName: string;
  readonly roles: DatabaseRoles;
  /** Gets errors of idle connections; the pool replaces them by itself. */
  readonly onIdleError?: (error: Error) => void;
}

/** How often a transaction that lost a race (serialization failure, deadlock) is run in all. */
const maxTries = 4;

/**
 * The connection pool and the only way to open a transaction. Every transaction works as its scope's role, and row-level
 * security sees the scope's organization in `cloudscan.organization_id`.
 *
 * Errors: `unavailable` when the server cannot be reached, `internal` for what is a bug, with the cause kept.
 */
export class Database implements AsyncDisposable {
  readonly #pool: pg.Pool;
  readonly #options: DatabaseOptions;

  private constructor(pool: pg.Pool, options: DatabaseOptions) {
    this.#pool = pool;
    this.#options = options;
    pool.on('error', (error) => options.onIdleError?.(error));
  }

  /** Connects once, so that a wrong host or password shows at the start. */
  static async connect(config: DatabaseConfig, options: DatabaseOptions): Promise<Database> {
    try {
      const pool = new pg.Pool({
        ...clientConfig(config, await resolveTls(config), options.applicationName),
        max: config.maxConnections,
        min: config.minConnections,
        idleTimeoutMillis: 30_000,
        allowExitOnIdle: false,
      });
      const database = new Database(pool, options);
      await database.ping().catch(async (error: unknown) => {
        await database.stop();
        throw error;
      });
      return database;
    } catch (error) {
      throw refusal(error) ?? toDomainError(error);
    }
  }

  /** Runs `work` in one transaction and commits it; runs it again when it lost a race, so `work` has no effect outside. */
  async transaction<T>(scope: Scope, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#runOnce(scope, work);
      } catch (error) {
        if (attempt === maxTries || !isTransient(error)) throw toDomainError(error);
      }
    }
  }

  /** A transaction of one statement. */
  query<Row extends object = Record<string, unknown>>(
    scope: Scope,
    statement: Statement | string,
    values: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    return this.transaction(scope, (transaction) => transaction.query<Row>(statement, values));
  }

  /** Throws `unavailable` when the server does not answer. */
  async ping(): Promise<void> {
    await this.#pool.query('SELECT 1').catch((error: unknown) => {
      throw toDomainError(error);
    });
  }

  /**
   * Sends payloads of at most 8,000 bytes to the listeners of a channel, in one statement outside of any transaction: a
   * NOTIFY inside one takes a lock that makes commits wait for each other.
   */
  async notify(channel: string, payloads: readonly string[]): Promise<void> {
    await this.#pool
      .query({ name: 'notify', text: 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', values: [channel, payloads] })
      .catch((error: unknown) => {
        throw toDomainError(error);
      });
  }

  /** Connections in use, idle, and callers that wait for one. */
  get poolUse(): { readonly total: number; readonly idle: number; readonly waiting: number } {
    return { total: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  /** Waits for the open transactions, then closes. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #runOnce<T>(scope: Scope, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query(beginAs(scope, this.#options.roles));
      const result = await work(new PgTransaction(client, this.#options.roles.system));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      if (isConnectionLoss(error)) broken ??= error as Error;
      if (broken === undefined) {
        await client.query('ROLLBACK').catch((rollbackError: Error) => {
          broken = rollbackError;
        });
      }
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }
}

class PgTransaction implements Transaction {
  readonly #client: pg.ClientBase;
  readonly #systemRole: string;

  constructor(client: pg.ClientBase, systemRole: string) {
    this.#client = client;
    this.#systemRole = systemRole;
  }

  async query<Row extends object>(statement: Statement | string, values: readonly unknown[] = []): Promise<QueryResult<Row>> {
    const config = typeof statement === 'string' ? { text: statement } : statement;
    const result = await this.#client.query<Row>({ ...config, values: values as unknown[] });
    return { rows: result.rows, rowCount: result.rowCount ?? 0 };
  }

  async becomeSystem(): Promise<void> {
    await this.#client.query(`SET LOCAL ROLE ${this.#systemRole}; SET LOCAL cloudscan.organization_id = ''`);
  }
}

/** One message for three statements; the organization id comes from a scope, but is checked all the same. */
function beginAs(scope: Scope, roles: DatabaseRoles): string {
  if (scope.kind === 'system') return `BEGIN; SET LOCAL ROLE ${roles.system}`;
  if (!/^[0-9a-f-]{36}$/.test(scope.organizationId)) throw new TypeError('an organization scope must hold a UUID');
  return `BEGIN; SET LOCAL ROLE ${roles.organization}; SET LOCAL cloudscan.organization_id = '${scope.organizationId}'`;
}

/** Classes 28 (invalid authorization) and 3D (invalid catalog name) of PostgreSQL's error codes: waiting does not help. */
function refusal(error: unknown): DomainError | null {
  const cause = error instanceof DomainError ? error.cause : error;
  if (!/^(28|3D)/.test(errorCode(cause) ?? '')) return null;
  return new DomainError('failed_precondition', 'the database refuses the connection; check DB_USER, DB_PASSWORD and DB_NAME', { cause });
}
