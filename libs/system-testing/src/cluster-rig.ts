import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Endpoint } from '@cloudscan/config';
import { freePorts } from '@cloudscan/process';
import { testDatabase, testDatabaseServer } from '@cloudscan/testing';
import type { Teardown, TestDatabase, TestServer } from '@cloudscan/testing';
import { AppProcess } from './app-process.ts';
import { rigEnvironment } from './rig-environment.ts';
import type { AppName, RigPlan } from './rig-environment.ts';
import { ScanClient } from './scan-client.ts';

const root = resolve(import.meta.dirname, '../../..');

export interface ClusterRigOptions {
  /** Path of the kubeconfig of the cluster that Jobs run on. */
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly dispatchers?: number;
  readonly sweepers?: number;
  /** Further settings of every process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Comes before each command line, to bind the processes to a core. */
  readonly launcher?: readonly string[];
}

/** The system as a cluster runs it, as real processes of this machine: storage, api-grpc, dispatchers and sweepers. */
export class ClusterRig<Db extends TestDatabase = TestDatabase> {
  readonly database: Db;
  readonly processes: readonly AppProcess[];
  readonly storage: AppProcess;
  readonly api: AppProcess;
  readonly dispatchers: readonly AppProcess[];
  readonly sweepers: readonly AppProcess[];
  readonly client: ScanClient;
  readonly endpoint: Endpoint;
  readonly folder: string;

  private constructor(database: Db, plan: RigPlan, processes: readonly AppProcess[]) {
    const named = (name: AppName): readonly AppProcess[] => processes.filter((app) => app.name === name);
    this.database = database;
    this.processes = processes;
    this.storage = named('storage')[0]!;
    this.api = named('api-grpc')[0]!;
    this.dispatchers = named('dispatcher');
    this.sweepers = named('sweeper');
    this.endpoint = plan.api;
    this.folder = plan.folder;
    this.client = new ScanClient(plan.api);
  }

  /** On a database of the run's server. Everything serves once it resolves, and is gone after the test. */
  static async start(t: Teardown, options: ClusterRigOptions): Promise<ClusterRig> {
    return ClusterRig.#on(await testDatabase(t), t, options);
  }

  /** On a PostgreSQL of its own, which the test may stop. */
  static async startWithServer(t: Teardown, options: ClusterRigOptions): Promise<ClusterRig<TestServer>> {
    return ClusterRig.#on(await testDatabaseServer(t), t, options);
  }

  static async #on<Db extends TestDatabase>(database: Db, t: Teardown, options: ClusterRigOptions): Promise<ClusterRig<Db>> {
    const { dispatchers = 1, sweepers = 1, launcher = [] } = options;
    const names: readonly AppName[] = ['storage', 'api-grpc', ...many('dispatcher', dispatchers), ...many('sweeper', sweepers)];
    const folder = mkdtempSync(join(tmpdir(), 'cloudscan-rig-'));
    t.teardown(() => {
      const kept = process.env['RIG_LOGS'];
      if (kept !== undefined) cpSync(join(folder, 'logs'), kept, { recursive: true });
      rmSync(folder, { recursive: true, force: true });
    });
    mkdirSync(join(folder, 'logs'));
    const [api, storage, storageEdge, ...opsPorts] = await freePorts(3 + names.length);
    const plan: RigPlan = {
      ...{ database, folder, api: local(api!), storage: local(storage!), storageEdge: local(storageEdge!) },
      ...{
        kubeconfig: options.kubeconfig,
        namespace: options.namespace,
        runnerTokenKey: randomBytes(32).toString('hex'),
        extra: options.environment ?? {},
      },
    };
    const processes = names.map((name, index) => {
      const main = join(root, 'apps', name, 'src/main.ts');
      return new AppProcess({
        name,
        command: [...launcher, process.execPath, '--disable-warning=ExperimentalWarning', '--conditions=@cloudscan/source', main],
        environment: rigEnvironment(name, opsPorts[index]!, plan),
        logFile: join(folder, 'logs', `${name}-${index}.log`),
        opsPort: opsPorts[index]!,
      });
    });
    t.teardown(async () => {
      await Promise.all(processes.map((app) => app.kill()));
    });
    await Promise.all(processes.map((app) => app.start()));
    const rig = new ClusterRig(database, plan, processes);
    t.teardown(() => rig.client[Symbol.dispose]());
    return rig;
  }
}

function many(name: AppName, count: number): readonly AppName[] {
  return Array.from({ length: count }, () => name);
}

function local(port: number): Endpoint {
  return { host: '127.0.0.1', port };
}
