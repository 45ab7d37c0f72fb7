import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { identifyProcess, PeriodicTask, removeStackFile, writeStackFile } from '@cloudscan/process';
import type { ProcessLock, Service, StackFile } from '@cloudscan/process';
import { claimPorts } from './claim-ports.ts';
import type { Ports, StandaloneConfig } from './config.ts';
import { dataFolder, lockPath, openDataFolder, readAttestationKey, readSecrets } from './data-folder.ts';
import type { DataFolder, StackSecrets } from './data-folder.ts';
import { rotateLog } from './log-file.ts';
import { appNames, planProcesses, stopStages } from './process-plan.ts';
import type { AppName, PlannedProcess } from './process-plan.ts';
import { RestartingPostgres } from './restarting-postgres.ts';
import { SupervisedProcess } from './supervised-process.ts';

export interface StackOptions {
  readonly config: StandaloneConfig;
  readonly version: string;
  /** The command line of a process. */
  readonly commandOf: (name: AppName) => readonly [string, ...string[]];
  /** Gets one sentence about each thing that went wrong and is being repaired. */
  readonly onTrouble: (message: string) => void;
}

/** Milliseconds between two looks at the length of the logs. */
const logCheckMs = 60_000;

/** The whole system on one machine: PostgreSQL and every process, each restarted when it ends by itself. */
export class Stack implements Service {
  readonly #options: StackOptions;
  readonly #folder: DataFolder;
  readonly #logCheck: PeriodicTask;
  readonly #processes = new Map<AppName, SupervisedProcess>();
  #lock: ProcessLock | null = null;
  #postgres: RestartingPostgres | null = null;
  #description: StackFile | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: StackOptions) {
    this.#options = options;
    this.#folder = dataFolder(options.config.dataDir);
    this.#logCheck = new PeriodicTask(
      { name: 'rotate-logs', intervalMs: logCheckMs, onError: (error) => options.onTrouble(String(error)) },
      async () => {
        for (const name of appNames) rotateLog(this.#logFile(name));
      },
    );
  }

  /** Where everything listens; null until it has started. */
  get description(): StackFile | null {
    return this.#description;
  }

  /** Lets clients find the stack; it does so by itself once everything serves. */
  announce(): void {
    if (this.#description !== null) writeStackFile(this.#folder.root, this.#description);
  }

  /** Lets no further client find the stack. */
  withdraw(): void {
    removeStackFile(this.#folder.root);
  }

  /**
   * Resolves once everything serves.
   *
   * @throws StartUpError one sentence about what keeps it from starting; nothing is left running then
   */
  async start(): Promise<void> {
    if (this.#description !== null) return;
    try {
      await this.#startAll();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops everything in order: who takes on work first, PostgreSQL last. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stopAll().finally(() => {
      this.#stopping = null;
    });
    await this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stopAll(): Promise<void> {
    if (this.#lock === null) return;
    this.withdraw();
    this.#description = null;
    await this.#logCheck.stop();
    for (const stage of stopStages) await Promise.all(stage.map((name) => this.#processes.get(name)?.stop()));
    await this.#postgres?.stop();
    this.#lock.release();
    this.#lock = null;
  }

  async #startAll(): Promise<void> {
    const { config } = this.#options;
    // A stack that stops removes its lock.
    const afterCrash = existsSync(lockPath(this.#folder.root));
    this.#lock = openDataFolder(this.#folder);
    this.withdraw();
    const secrets = readSecrets(this.#folder);
    const { ports, spare } = await claimPorts(config.ports, appNames.length, afterCrash);
    await this.#startPostgres(ports, secrets);
    const attestationKey = readAttestationKey(this.#folder);
    const plan = planProcesses({ ports, opsPorts: spare, folder: this.#folder, secrets, attestationKey, inherited: config.environment });
    await this.#startProcesses(plan);
    await this.#logCheck.start();
    this.#description = this.#describe(ports);
    this.announce();
  }

  async #startPostgres(ports: Ports, secrets: StackSecrets): Promise<void> {
    const { onTrouble } = this.#options;
    this.#postgres = new RestartingPostgres({
      folder: this.#folder.postgres,
      port: ports.database,
      password: secrets.databaseSuperuser,
      onTrouble,
    });
    // Loading the migrations takes as long as the server's start.
    const [{ prepareDatabase }] = await Promise.all([import('./prepare-database.ts'), this.#postgres.start()]);
    await prepareDatabase(this.#postgres.port, secrets);
  }

  /** All side by side: each waits by itself for what it needs. */
  async #startProcesses(plan: readonly PlannedProcess[]): Promise<void> {
    for (const planned of plan) this.#processes.set(planned.name, this.#supervise(planned));
    await Promise.all([...this.#processes.values()].map((supervised) => supervised.start()));
  }

  #supervise({ name, environment, opsPort }: PlannedProcess): SupervisedProcess {
    const { commandOf, onTrouble } = this.#options;
    return new SupervisedProcess({ name, environment, opsPort, onTrouble, command: commandOf(name), logFile: this.#logFile(name) });
  }

  #logFile(name: AppName): string {
    return join(this.#folder.logs, `${name}.log`);
  }

  #describe(ports: Ports): StackFile {
    const at = (port: number): string => `127.0.0.1:${port}`;
    return {
      process: identifyProcess(process.pid)!,
      version: this.#options.version,
      onDemand: this.#options.config.onDemand,
      grpc: at(ports.grpc),
      http: at(ports.http),
      storage: at(ports.storage),
      storageHttp: at(ports.storageHttp),
      databasePort: ports.database,
    };
  }
}
