import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobSpec, JobStatus } from '@cloudscan/orchestration';
import { PgLocalJobRepository } from '@cloudscan/repositories';
import { eventually, newId, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';
import { LocalJobDispatcher } from '@cloudscan/job-dispatch';
import type { LocalJobDispatcherOptions } from '@cloudscan/job-dispatch';

export interface LocalJobsFixture {
  readonly jobs: PgLocalJobRepository;
  readonly testDatabase: TestDatabase;
  readonly workRoot: string;
  /** Whose runner is this program. */
  dispatcher(command: readonly string[], overrides?: DispatcherOverrides): LocalJobDispatcher;
}

export type DispatcherOverrides = Omit<Partial<LocalJobDispatcherOptions>, 'limits'> & { readonly limits?: Partial<LocalJobDispatcherOptions['limits']> };

/** A database and a work folder; at teardown every run is stopped. */
export async function localJobsFixture(t: Teardown): Promise<LocalJobsFixture> {
  const database = await testDatabase(t);
  const workRoot = await mkdtemp(join(tmpdir(), 'cloudscan-work-'));
  t.teardown(() => rm(workRoot, { recursive: true, force: true }));
  const jobs = new PgLocalJobRepository(database.database);
  const fixture: LocalJobsFixture = {
    jobs,
    testDatabase: database,
    workRoot,
    dispatcher: (command, { limits, ...overrides } = {}) =>
      new LocalJobDispatcher(
        jobs,
        { now: () => new Date() },
        {
          workRoot,
          command,
          runner: {
            orchestrator: { host: '127.0.0.1', port: 1 },
            storage: { host: '127.0.0.1', port: 1 },
            deadlineSeconds: 60,
            downloadTimeoutSeconds: 60,
            logLevel: 'info',
          },
          environment: { PATH: process.env['PATH'] ?? '' },
          launchGraceMs: 30_000,
          database: database.config,
          limits: { memoryBytes: 2 ** 31, deadlineMs: 60_000, graceMs: 300, pollMs: 100, recordMs: 30_000, logBytes: 1_000_000, ...limits },
          ...overrides,
        },
      ),
  };
  t.teardown(async () => {
    const dispatcher = fixture.dispatcher(['true']);
    for await (const { jobName } of dispatcher.list()) await dispatcher.delete(jobName);
    await dispatcher.removeOrphans();
  });
  return fixture;
}

export function aJobSpec(overrides: Partial<JobSpec> = {}): JobSpec {
  return {
    scanId: newId(),
    organizationId: newId(),
    projectId: newId(),
    attempt: 1,
    scanTypes: ['sast'],
    source: { artifactId: newId(), gitUrl: null, gitBranch: null, gitCommit: null },
    traceparent: null,
    ...overrides,
  };
}

/** Waits until the Job is in the phase. */
export async function reaches(dispatcher: LocalJobDispatcher, jobName: string, ...phases: readonly JobStatus['phase'][]): Promise<JobStatus> {
  return eventually(
    async () => {
      const status = await dispatcher.get(jobName);
      return status !== null && phases.includes(status.phase) ? status : null;
    },
    { timeoutMs: 20_000, what: `${jobName} ${phases.join(' or ')}` },
  );
}

export function shell(script: string): readonly string[] {
  return ['/bin/sh', '-c', script];
}
