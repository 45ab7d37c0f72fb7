import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Secret } from '@cloudscan/config';
import { acquireProcessLock, freePort, hasEnded, StartUpError } from '@cloudscan/process';
import type { ProcessLock, Service } from '@cloudscan/process';
import { chooseAccount } from './account.ts';
import type { Account } from './account.ts';
import { findBinaries } from './binaries.ts';
import type { PostgresBinaries } from './binaries.ts';
import { ensureCluster, superuser } from './cluster.ts';
import { spawnGuarded } from './guardian.ts';
import { findRunningPostmaster, readPostmaster } from './postmaster-file.ts';
import { folderProblem, startProblem } from './start-problem.ts';
import { stopLeftOver, stopServer } from './stop-server.ts';

export interface EmbeddedPostgresOptions {
  /** Made when it is missing; holds the data, the log and the lock. */
  readonly folder: string;
  /** On the loopback interface; 0 takes a free one. */
  readonly port: number;
  /** Of the superuser `postgres`; that of the first start stays. */
  readonly password: Secret;
  /** Folder of `initdb` and `postgres`; by default those of the npm package. */
  readonly binDir?: string;
  /** Further server settings. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Called when the server ends without {@link EmbeddedPostgres.stop}. */
  readonly onUnexpectedExit?: () => void;
}

/** Milliseconds until a start counts as failed; replaying the log after a crash is part of it. */
const startLimitMs = 60_000;
/** Milliseconds for which a killed server's processes may hold its shared memory. */
const afterCrashLimitMs = 10_000;
const pollMs = 10;
/** A longer log begins anew at the next start. */
const maxLogBytes = 16 * 2 ** 20;

const defaultSettings = {
  listen_addresses: '127.0.0.1',
  // A socket's path may have 107 bytes only, which a data folder easily exceeds.
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/**
 * A PostgreSQL server of one data folder, as a child of this process. It ends with this process, also when that is
 * killed; a server that is left over all the same is stopped by the next start.
 */
export class EmbeddedPostgres implements Service {
  readonly #options: EmbeddedPostgresOptions;
  readonly #folder: string;
  readonly #dataDir: string;
  readonly #logFile: string;
  #port: number;
  #lock: ProcessLock | null = null;
  #server: ChildProcess | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options;
    this.#folder = resolve(options.folder);
    this.#dataDir = join(this.#folder, 'data');
    this.#logFile = join(this.#folder, 'postgres.log');
    this.#port = options.port;
  }

  /** The port in use, once started; it stays the same over restarts. */
  get port(): number {
    return this.#port;
  }

  /** For the superuser. */
  get url(): string {
    return `postgres://${superuser}:${encodeURIComponent(this.#options.password.reveal())}@127.0.0.1:${this.#port}/${superuser}`;
  }

  /**
   * Resolves once the server takes connections.
   *
   * @throws StartUpError one sentence about what keeps it from starting
   */
  async start(): Promise<void> {
    if (this.#server !== null) return;
    this.#prepareFolder();
    try {
      await this.#startServer();
    } catch (error) {
      await this.stop();
      throw error instanceof StartUpError ? error : await startProblem(this.#folder, this.#options.port, this.#logFile, error);
    }
  }

  /** Lets open transactions fail and writes everything to disk. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stopServer().finally(() => {
      this.#stopping = null;
    });
    await this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) await stopServer(server);
    this.#lock?.release();
    this.#lock = null;
  }

  #prepareFolder(): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
    } catch (error) {
      throw new StartUpError(`the data folder ${this.#folder} cannot be made; give this user write access or choose another folder`, error);
    }
    const problem = folderProblem(this.#folder);
    if (problem !== null) throw problem;
    if (this.#lock !== null) return;
    const lock = acquireProcessLock(join(this.#folder, 'lock'));
    if ('heldBy' in lock)
      throw new StartUpError(`the data folder ${this.#folder} is in use by process ${lock.heldBy.pid}; stop that one first`);
    this.#lock = lock;
  }

  async #startServer(): Promise<void> {
    const binaries = findBinaries(this.#options.binDir);
    const account = chooseAccount(this.#folder, existsSync(this.#dataDir) ? this.#dataDir : null, binaries.postgres);
    await ensureCluster(this.#dataDir, this.#options.password.reveal(), binaries, account);
    const crashed = readPostmaster(this.#dataDir) !== null;
    await stopLeftOver(this.#dataDir);
    if (this.#port === 0) this.#port = await freePort();
    const retryUntil = performance.now() + (crashed ? afterCrashLimitMs : 0);
    while (!(await this.#launch(binaries, account))) {
      if (performance.now() >= retryUntil) throw new Error('the server ended before it was ready');
      await delay(10 * pollMs);
    }
  }

  /** False when the server ended before it was ready. */
  async #launch(binaries: PostgresBinaries, account: Account): Promise<boolean> {
    const settings = Object.entries({ ...defaultSettings, ...this.#options.settings }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);
    const log = openLog(this.#logFile);
    const server = spawnGuarded([binaries.postgres, '-D', this.#dataDir, '-p', String(this.#port), ...settings], account, log);
    closeSync(log);
    await once(server, 'spawn');
    this.#server = server;
    const deadline = performance.now() + startLimitMs;
    while (!hasEnded(server)) {
      if (findRunningPostmaster(this.#dataDir)?.ready) {
        server.once('exit', () => this.#onUnexpectedExit(server));
        return true;
      }
      if (performance.now() > deadline) throw new Error(`the server was not ready within ${startLimitMs} ms`);
      await delay(pollMs);
    }
    this.#server = null;
    return false;
  }

  #onUnexpectedExit(server: ChildProcess): void {
    if (this.#server !== server) return;
    this.#server = null;
    this.#options.onUnexpectedExit?.();
  }
}

function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return openSync(path, size > maxLogBytes ? 'w' : 'a', 0o600);
}
