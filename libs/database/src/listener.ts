import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { DatabaseConfig } from './config.ts';
import { clientConfig, resolveTls } from './connection.ts';

export interface ListenerOptions {
  readonly applicationName: string;
  readonly channel: string;
  /** Must not throw. */
  readonly onPayload: (payload: string) => void;
  /** Called after every reconnection: payloads may have been missed. */
  readonly onGap: () => void;
  readonly onError: (error: unknown) => void;
}

/** Milliseconds between attempts to reconnect. */
const reconnectMs = 500;

/** LISTENs on one channel with a connection of its own, for as long as it runs; reconnects by itself. */
export class Listener implements AsyncDisposable {
  readonly #config: DatabaseConfig;
  readonly #options: ListenerOptions;
  readonly #stopped = new AbortController();
  #client: pg.Client | null = null;
  #loop: Promise<void> = Promise.resolve();

  constructor(config: DatabaseConfig, options: ListenerOptions) {
    this.#config = config;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { lost } = await this.#connect();
    this.#loop = this.#keepConnected(lost);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#client?.end().catch(() => undefined);
    await this.#loop;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #keepConnected(firstLoss: Promise<void>): Promise<void> {
    let lost: Promise<void> | null = firstLoss;
    while (!this.#stopped.signal.aborted) {
      try {
        await lost;
        if (this.#stopped.signal.aborted) return;
        await delay(reconnectMs, undefined, { signal: this.#stopped.signal });
        ({ lost } = await this.#connect());
        this.#options.onGap();
      } catch (error) {
        lost = null;
        if (!this.#stopped.signal.aborted) this.#options.onError(error);
      }
    }
  }

  /** Resolves once it listens; `lost` resolves when the connection is gone. */
  async #connect(): Promise<{ readonly lost: Promise<void> }> {
    const client = new pg.Client(clientConfig(this.#config, await resolveTls(this.#config), this.#options.applicationName));
    const lost = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    client.on('notification', ({ payload }) => this.#options.onPayload(payload ?? ''));
    await client.connect();
    await client.query(`LISTEN ${pg.escapeIdentifier(this.#options.channel)}`);
    this.#client = client;
    if (this.#stopped.signal.aborted) await client.end();
    return { lost };
  }
}
