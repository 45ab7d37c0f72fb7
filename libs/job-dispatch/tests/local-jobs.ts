import { access, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemScope } from '@cloudscan/auth';
import type { JobSpec, LocalJob } from '@cloudscan/orchestration';
import { isRunning } from '@cloudscan/process';
import { PgLocalJobRepository } from '@cloudscan/repositories';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';
import { LocalJobDispatcher } from '../src/local/local-job-dispatcher.ts';
import type { LocalJobDispatcherOptions } from '../src/local/local-job-dispatcher.ts';
import { findRunProcesses, readProcessTable } from '../src/local/process-table.ts';
import { reaches } from './jobs.ts';

const scope = systemScope('test');

export type DispatcherOverrides = Omit<Partial<LocalJobDispatcherOptions>, 'limits'> & {
  readonly limits?: Partial<LocalJobDispatcherOptions['limits']>;
};

/** A database and a work folder; at teardown every run is stopped. */
export async function localJobsFixture(t: Teardown, given?: TestDatabase): Promise<LocalJobsFixture> {
  const database = given ?? (await testDatabase(t));
  const workRoot = await realpath(await mkdtemp(join(tmpdir(), 'cloudscan-work-')));
  t.teardown(() => rm(workRoot, { recursive: true, force: true }));
  const fixture = new LocalJobsFixture(database, workRoot);
  t.teardown(() => fixture.stop());
  return fixture;
}

export class LocalJobsFixture {
  readonly testDatabase: TestDatabase;
  readonly jobs: PgLocalJobRepository;
  readonly workRoot: string;

  constructor(database: TestDatabase, workRoot: string) {
    this.testDatabase = database;
    this.jobs = new PgLocalJobRepository(database.database);
    this.workRoot = workRoot;
  }

  /** Whose runner is this program. */
  dispatcher(command: readonly string[], { limits, ...overrides }: DispatcherOverrides = {}): LocalJobDispatcher {
    const endpoint = { host: '127.0.0.1', port: 1 };
    const clock = { now: () => new Date() };
    return new LocalJobDispatcher(this.jobs, clock, {
      workRoot: this.workRoot,
      command,
      runner: { orchestrator: endpoint, storage: endpoint, deadlineSeconds: 60, downloadTimeoutSeconds: 60, logLevel: 'info' },
      environment: { PATH: process.env['PATH'] ?? '' },
      launchGraceMs: 30_000,
      watchIntervalMs: 20,
      database: this.testDatabase.config,
      log: silentLogger,
      limits: { memoryBytes: 2 ** 31, deadlineMs: 60_000, graceMs: 300, pollMs: 100, recordMs: 30_000, logBytes: 1_000_000, ...limits },
      ...overrides,
    });
  }

  workDirOf(jobName: string): string {
    return join(this.workRoot, jobName);
  }

  /** A pending record, as a dispatcher leaves it that is killed before it has started a supervisor. */
  async insert(spec: JobSpec): Promise<LocalJob> {
    const { scanId, organizationId, attempt } = spec;
    const jobName = `scan-${scanId}-${attempt}`;
    return this.jobs.insertOrFind(scope, { jobName, scanId, organizationId, attempt, workDir: this.workDirOf(jobName), at: new Date() });
  }

  /** The record once its runner runs. */
  async running(dispatcher: LocalJobDispatcher, jobName: string): Promise<LocalJob> {
    await reaches(dispatcher, jobName, 'running');
    return (await this.jobs.find(scope, jobName))!;
  }

  /** What works in the folder of a run. */
  async processesOf(jobName: string): Promise<readonly number[]> {
    const run = { runner: null, known: [], workDir: this.workDirOf(jobName) };
    return findRunProcesses(await readProcessTable(), run).map(({ pid }) => pid);
  }

  async logHolds(dispatcher: LocalJobDispatcher, jobName: string, text: string): Promise<void> {
    await eventually(async () => (await dispatcher.logs(jobName, 100_000)).includes(text), { what: `a log with ${text}` });
  }

  async outcomeWritten(jobName: string): Promise<void> {
    const path = join(this.workDirOf(jobName), 'outcome.json');
    await eventually(() => access(path).then(() => true), { what: path });
  }

  /** Waits for the supervisor to end, which it does after the record says that the run has. */
  async supervisorGone(jobName: string): Promise<void> {
    const job = await this.jobs.find(scope, jobName);
    if (job?.supervisor) await eventually(() => !isRunning(job.supervisor!), { what: 'the end of the supervisor' });
  }

  async stop(): Promise<void> {
    const dispatcher = this.dispatcher(['true']);
    for await (const { jobName } of this.jobs.list(scope, 100)) {
      await dispatcher.cancel(jobName);
      await this.supervisorGone(jobName);
      await dispatcher.delete(jobName);
    }
    await dispatcher.removeOrphans();
  }
}
