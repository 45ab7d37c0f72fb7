import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scopeOf, systemScope } from '@cloudscan/auth';
import type { OrganizationScope } from '@cloudscan/auth';
import { Lease, lockIds, orchestratorRoles } from '@cloudscan/database';
import type { Artifact, Scan } from '@cloudscan/domain';
import { LocalJobDispatcher } from '@cloudscan/job-dispatch';
import type { JobStatus, StorageClient, SystemPorts } from '@cloudscan/orchestration';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories, PgLocalJobRepository } from '@cloudscan/repositories';
import type { Repositories } from '@cloudscan/repositories';
import { createMetricsRegistry, silentLogger } from '@cloudscan/telemetry';
import { anArtifact, anOrganization, aProject, eventually, newId, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';
import { loadConfig } from '../src/config.ts';
import { SweeperMetrics } from '../src/metrics.ts';
import { Sweeper } from '../src/sweeper.ts';

const system = systemScope('test');
export const limits = { maxRunning: 10, maxRunningPerOrganization: 10, maxQueuedPerOrganization: 100, usageHalfLifeMs: 3_600_000 };
const clock = { now: () => new Date() };
export const signal = new AbortController().signal;

/** An organization with a project, its scans, and their Jobs on this machine. */
export class SweeperFixture {
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

  static async create(t: Teardown): Promise<SweeperFixture> {
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
    const organization = await repositories.organizations.create(system, anOrganization());
    const project = aProject({ organizationId: organization.id });
    await repositories.projects.create(scopeOf({ organizationId: organization.id, actor: 'test' }), project);
    const workRoot = await realpath(await mkdtemp(join(tmpdir(), 'cloudscan-work-')));
    t.teardown(() => rm(workRoot, { recursive: true, force: true }));
    const fixture = new SweeperFixture(database, repositories, workRoot, project);
    t.teardown(() => fixture.#stopRuns());
    return fixture;
  }

  environment(overrides: Readonly<Record<string, string>> = {}): Record<string, string> {
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
      ...overrides,
    };
  }

  /** A sweeper that leads, whose passes the test calls; graces are over at once. */
  async sweeper(t: Teardown): Promise<Sweeper> {
    const sweeper = this.standby(t);
    await sweeper.lead();
    return sweeper;
  }

  standby(t: Teardown): Sweeper {
    const lease = new Lease(this.database.config, { applicationName: 'test-lease', lockId: lockIds.sweeper });
    const ports: SystemPorts = {
      ...{ scope: systemScope('sweeper'), scans: this.repositories.scans, system: this.repositories.systemScans },
      ...{ jobs: this.dispatcher('exit 0'), clock, policy: { limits, maxAttempts: 2 }, actor: 'sweeper' },
      events: { publish: () => undefined, subscribe: () => () => undefined },
    };
    const sweeper = new Sweeper(ports, lease, {
      policy: { dispatchGraceMs: 0, endGraceMs: 0, deadlineMs: 60_000, waitLimitMs: 60_000, blockageGraceMs: () => 0 },
      pendingTtlMs: 24 * 3_600_000,
      log: silentLogger,
      metrics: new SweeperMetrics(createMetricsRegistry('test')),
      onLead: () => undefined,
    });
    t.teardown(async () => {
      await sweeper.stop();
      await lease.stop();
    });
    return sweeper;
  }

  /** Whose runner is this shell script. */
  dispatcher(script: string): LocalJobDispatcher {
    const { jobs } = loadConfig(this.environment());
    if (jobs.kind !== 'local') throw new Error(jobs.kind);
    return new LocalJobDispatcher(this.jobs, clock, {
      ...jobs.local,
      command: ['/bin/sh', '-c', script],
      runner: jobs.runner,
      database: this.database.config,
      watchIntervalMs: 50,
      log: silentLogger,
    });
  }

  /** Pending where `start` is false; else queued and admitted. */
  async scan(options: { readonly at?: Date; readonly start?: boolean } = {}): Promise<Scan> {
    const { at = new Date(), start = true } = options;
    const source = { artifactId: newId(), gitUrl: null, gitBranch: null, gitCommit: null };
    const result = await this.repositories.scans.create(this.scope, {
      ...{ id: newId(at), projectId: this.#projectId, userId: null, actor: 'test', scanTypes: ['sast'], source },
      ...{ priority: 0, start, idempotency: null, limits, at },
    });
    if (result.kind !== 'created') throw new Error(result.kind);
    return result.scan;
  }

  async find(id: string): Promise<Scan> {
    return (await this.repositories.scans.findById(this.scope, id))!;
  }

  /** Makes the Job of a scan as a dispatcher does. */
  async start(scan: Scan, script: string): Promise<string> {
    const { id: scanId, organizationId, projectId, scanTypes, source, attempt } = scan;
    const dispatcher = this.dispatcher(script);
    const { jobName } = await dispatcher.create({ scanId, organizationId, projectId, scanTypes, source, attempt, traceparent: null });
    const record = { scanId, attempt, jobName, jobNamespace: 'local', at: new Date() };
    await this.repositories.systemScans.recordJob(system, record);
    return jobName;
  }

  /** As `start`, and waits for one of the phases. */
  async job(scan: Scan, script: string, ...phases: readonly JobStatus['phase'][]): Promise<string> {
    const jobName = await this.start(scan, script);
    const dispatcher = this.dispatcher(script);
    await eventually(async () => phases.includes((await dispatcher.find([jobName])).get(jobName)!.phase), {
      timeoutMs: 20_000,
      what: `${jobName} ${phases}`,
    });
    return jobName;
  }

  async complete(id: string): Promise<void> {
    const nothing = { resultsArtifactId: null, provenance: null, tools: [], findings: [], failure: null, attempt: null, runId: null };
    await this.repositories.scans.complete(this.scope, { scanId: id, ...nothing, limits, actor: 'runner', at: new Date() });
  }

  async folders(): Promise<readonly string[]> {
    return readdir(this.workRoot);
  }

  async messages(queue: string): Promise<number> {
    const rows = await this.database.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pgboss.job WHERE name = $1 AND state < 'active'",
      [queue],
    );
    return rows[0]!.n;
  }

  async #stopRuns(): Promise<void> {
    const dispatcher = this.dispatcher('exit 0');
    for await (const { jobName } of this.jobs.list(system, 100)) await dispatcher.delete(jobName);
    await eventually(async () => (await this.database.query<{ n: number }>(supervisors))[0]!.n === 0, {
      what: 'the end of the supervisors',
    });
  }
}

const supervisors =
  "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'cloudscan-supervisor' AND datname = current_database()";

/** One artifact per scan, until it is deleted. */
export function memoryStorage(): { readonly storage: StorageClient; readonly deleted: string[]; down: boolean } {
  const unused = (): never => {
    throw new Error('a sweeper does not call this');
  };
  const state = {
    deleted: [] as string[],
    down: false,
    storage: {
      ...{ createArtifact: unused, getArtifact: unused },
      listArtifacts: async (_scope, { scanId }) => {
        if (state.down) throw new Error('storage is down');
        const artifacts: Artifact[] = state.deleted.includes(scanId) ? [] : [anArtifact({ id: scanId, scanId })];
        return { artifacts, nextPageToken: null, totalCount: artifacts.length };
      },
      deleteArtifacts: async (_scope, ids) => {
        state.deleted.push(...ids);
        return ids.length;
      },
      ping: async () => undefined,
      close: async () => undefined,
    } satisfies StorageClient,
  };
  return state;
}
