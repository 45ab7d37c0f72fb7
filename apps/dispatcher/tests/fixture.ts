import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scopeOf, systemScope } from '@cloudscan/auth';
import type { OrganizationScope } from '@cloudscan/auth';
import type { Scan } from '@cloudscan/domain';
import { createJobDispatcher } from '@cloudscan/job-dispatch';
import { orchestratorRoles } from '@cloudscan/database';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories, PgLocalJobRepository } from '@cloudscan/repositories';
import type { Repositories } from '@cloudscan/repositories';
import { silentLogger } from '@cloudscan/telemetry';
import { anOrganization, aProject, eventually, newId, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestCluster, TestDatabase } from '@cloudscan/testing';
import type { AdmissionLimits } from '@cloudscan/orchestration';
import { loadConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';
import type { DispatcherApp, Overrides } from '../src/create-app.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** The dispatcher as a process of its own, killed at teardown. */
export function startProcess(t: Teardown, environment: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  return child;
}

export const limits: AdmissionLimits = {
  maxRunning: 10,
  maxRunningPerOrganization: 10,
  maxQueuedPerOrganization: 100,
  usageHalfLifeMs: 3_600_000,
};

/** An organization with a project, and what a dispatcher needs to run its scans on this machine. */
export class DispatcherFixture {
  readonly database: TestDatabase;
  readonly repositories: Repositories;
  readonly jobs: PgLocalJobRepository;
  readonly workRoot: string;
  readonly scope: OrganizationScope;
  readonly #projectId: string;

  private constructor(
    database: TestDatabase,
    repositories: Repositories,
    workRoot: string,
    project: { id: string; organizationId: string },
  ) {
    this.database = database;
    this.repositories = repositories;
    this.jobs = new PgLocalJobRepository(database.database);
    this.workRoot = workRoot;
    this.scope = scopeOf({ organizationId: project.organizationId, actor: 'test' });
    this.#projectId = project.id;
  }

  static async create(t: Teardown): Promise<DispatcherFixture> {
    const database = await testDatabase(t);
    const queue = new PgBossQueue(database.config, {
      applicationName: 'test-queue',
      role: orchestratorRoles.system,
      mode: 'send',
      logger: silentLogger,
    });
    await queue.start();
    t.teardown(() => queue.stop());
    const repositories = createRepositories(database.database, queue);
    const organization = await repositories.organizations.create(systemScope('test'), anOrganization());
    const project = aProject({ organizationId: organization.id });
    await repositories.projects.create(scopeOf({ organizationId: organization.id, actor: 'test' }), project);
    const workRoot = await realpath(await mkdtemp(join(tmpdir(), 'cloudscan-work-')));
    t.teardown(() => rm(workRoot, { recursive: true, force: true }));
    const fixture = new DispatcherFixture(database, repositories, workRoot, project);
    t.teardown(() => fixture.#stopRuns());
    return fixture;
  }

  /** What a dispatcher is told whose runner is this shell script. */
  environment(script: string, overrides: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { host, port, user, password, name } = this.database.config;
    return {
      PATH: process.env['PATH'] ?? '',
      DB_HOST: host,
      DB_PORT: String(port),
      DB_USER: user,
      DB_PASSWORD: password.reveal(),
      DB_NAME: name,
      DB_SSLMODE: 'disable',
      DB_MIN_CONNS: '0',
      METRICS_PORT: '0',
      LOG_LEVEL: 'silent',
      LOCAL_WORK_DIR: this.workRoot,
      LOCAL_STOP_GRACE_SECONDS: '1',
      MAX_RUNNING_SCANS: '10',
      RUNNER_COMMAND: JSON.stringify(['/bin/sh', '-c', script]),
      ...overrides,
    };
  }

  /** What a dispatcher is told that makes Jobs of this cluster. */
  clusterEnvironment(cluster: TestCluster, overrides: Readonly<Record<string, string>> = {}): Record<string, string> {
    return this.environment('exit 0', {
      JOB_DISPATCHER: 'kubernetes',
      KUBE_CONFIG: cluster.kubeconfigPath,
      KUBE_NAMESPACE: cluster.namespace,
      RUNNER_IMAGE: 'cloudscan/runner:test',
      RUNNER_TOKEN_KEY: 'a key of tests that is long enough for them',
      ORCHESTRATOR_ENDPOINT: 'orchestrator:9999',
      STORAGE_SERVICE_ENDPOINT: 'storage:8082',
      ...overrides,
    });
  }

  /** A started dispatcher, stopped at teardown. */
  async dispatcher(t: Teardown, environment: Record<string, string>, overrides: Overrides = {}): Promise<DispatcherApp> {
    const app = await createApp(loadConfig(environment), { log: silentLogger, ...overrides });
    t.teardown(() => app.stop());
    await app.start();
    return app;
  }

  /** A scan that was created and queued; admitted as well, where there is room. */
  async queuedScan(admission: AdmissionLimits = limits): Promise<Scan> {
    return this.#create(admission, true);
  }

  async pendingScan(): Promise<Scan> {
    return this.#create(limits, false);
  }

  async cancel(id: string): Promise<void> {
    await this.repositories.scans.cancel(this.scope, { scanId: id, actor: 'test', limits, at: new Date() });
  }

  async #create(admission: AdmissionLimits, start: boolean): Promise<Scan> {
    const at = new Date();
    const source = { artifactId: newId(), gitUrl: null, gitBranch: null, gitCommit: null };
    const result = await this.repositories.scans.create(this.scope, {
      ...{ id: newId(at), projectId: this.#projectId, userId: null, actor: 'test', scanTypes: ['sast'], source },
      ...{ priority: 0, start, idempotency: null, limits: admission, at },
    });
    if (result.kind !== 'created') throw new Error(result.kind);
    return result.scan;
  }

  async scan(id: string): Promise<Scan> {
    return (await this.repositories.scans.findById(this.scope, id))!;
  }

  /** Waits until the scan's Job runs. */
  async dispatched(id: string): Promise<string> {
    return eventually(
      async () => {
        const { jobName } = await this.scan(id);
        return jobName !== null && (await this.jobs.find(systemScope('test'), jobName))?.phase === 'running' ? jobName : null;
      },
      { timeoutMs: 20_000, what: 'a running Job' },
    );
  }

  async #stopRuns(): Promise<void> {
    const { jobs } = await createJobDispatcher(loadConfig(this.environment('exit 0')).jobs, {
      localJobs: this.jobs,
      clock: { now: () => new Date() },
      database: this.database.config,
      log: silentLogger,
      actor: 'test',
    });
    for await (const { jobName } of this.jobs.list(systemScope('test'), 100)) await jobs.delete(jobName);
    await eventually(async () => (await this.database.query<{ n: number }>(supervisors))[0]!.n === 0, {
      what: 'the end of the supervisors',
    });
  }
}

const supervisors =
  "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'cloudscan-supervisor' AND datname = current_database()";
