import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemScope } from '@cloudscan/auth';
import { Secret } from '@cloudscan/config';
import { Database } from '@cloudscan/database';
import { freePort, readStackFile } from '@cloudscan/process';
import { eventually, processesOf } from '@cloudscan/testing';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** What a process is called in tests: an app, `postgres`, `supervisor`, or the scanner it runs. */
export type ProcessKind = string;

/** The stack with its real processes, on a data folder of its own. */
export class RealStack {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'cloudscan-stack-'));
  readonly #ports: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;

  private constructor(ports: Readonly<Record<string, string>>) {
    this.#ports = ports;
  }

  /** On ports of its own, which a successor on the same data takes over. */
  static async create(): Promise<RealStack> {
    const names = ['GRPC_PORT', 'HTTP_PORT', 'STORAGE_SERVICE_PORT', 'STORAGE_HTTP_PORT', 'DB_PORT'];
    const ports: Record<string, string> = {};
    for (const name of names) ports[name] = String(await freePort());
    return new RealStack(ports);
  }

  async start(): Promise<void> {
    this.#child = spawn(process.execPath, ['--conditions=@cloudscan/source', join(root, 'apps/standalone/src/main.ts'), 'start'], {
      env: this.environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`the stack ended with ${code} before it served`);
    });
    await Promise.race([eventually(() => readStackFile(this.dataDir) !== null, { timeoutMs: 120_000, what: 'the stack' }), ended]);
    ended.catch(() => undefined);
  }

  /** What a command line needs to find this stack. */
  get environment(): NodeJS.ProcessEnv {
    const collectors = { SWEEP_INTERVAL_SECONDS: '1', STORAGE_COLLECT_INTERVAL_SECONDS: '2', STORAGE_COLLECT_GRACE_SECONDS: '5' };
    const own = { HOME: this.dataDir, CLOUDSCAN_DATA_DIR: this.dataDir };
    // Whatever tools the machine has.
    return { PATH: process.env.PATH, SCANNERS: 'builtin', ...own, ...this.#ports, ...collectors };
  }

  get endpoint(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: Number(this.#ports['GRPC_PORT']) };
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  isRunning(kind: ProcessKind): boolean {
    return this.running().some((running) => running.kind === kind);
  }

  /** Kills every process of a kind at once, without a warning; answers how many there were. */
  kill(kind: ProcessKind): number {
    const pids = this.running()
      .filter((running) => running.kind === kind)
      .map(({ pid }) => pid);
    for (const pid of pids) killIfThere(pid);
    return pids.length;
  }

  /** Waits for the end of a stack that was killed, and starts it again. */
  async restart(): Promise<void> {
    if (this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    await this.start();
  }

  /** Every process that names the data folder in its command line or environment. */
  running(): readonly { readonly pid: number; readonly kind: ProcessKind }[] {
    return processesOf(this.dataDir).map(({ pid, command }) => ({ pid, kind: kindOf(command) }));
  }

  /** Asks the database as its superuser. */
  async query<Row extends object>(sql: string): Promise<readonly Row[]> {
    const secrets = JSON.parse(readFileSync(join(this.dataDir, 'secrets.json'), 'utf8')) as { databaseSuperuser: string };
    const config = {
      host: '127.0.0.1',
      port: Number(this.#ports['DB_PORT']),
      user: 'postgres',
      password: new Secret(secrets.databaseSuperuser),
      name: 'orchestrator',
      sslMode: 'disable',
      maxConnections: 2,
      minConnections: 0,
    } as const;
    await using database = await Database.connect(config, {
      applicationName: 'test',
      roles: { organization: 'postgres', system: 'postgres' },
    });
    return (await database.query<Row>(systemScope('test'), sql)).rows;
  }

  /** Objects that the filesystem backend holds. */
  storedObjects(): number {
    return this.#artifactFiles('objects').filter((path) => path.endsWith('/bytes')).length;
  }

  /** What uploads and deletions at work hold, or broken ones left. */
  unfinishedUploads(): number {
    return ['incoming', 'multipart', 'trash'].flatMap((folder) => this.#artifactFiles(folder)).length;
  }

  #artifactFiles(folder: string): readonly string[] {
    const root = join(this.dataDir, 'artifacts', folder);
    if (!existsSync(root)) return [];
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  }

  workFolders(): readonly string[] {
    const folder = join(this.dataDir, 'work');
    return existsSync(folder) ? readdirSync(folder) : [];
  }
}

function kindOf(command: string): ProcessKind {
  const app = /apps\/([\w-]+)\/src\/main\.ts/.exec(command);
  if (app !== null) return app[1]!;
  if (command.includes('supervisor')) return 'supervisor';
  if (/libs\/scanners\//.test(command)) return 'scanner';
  return /postgres/.test(command) ? 'postgres' : command;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
