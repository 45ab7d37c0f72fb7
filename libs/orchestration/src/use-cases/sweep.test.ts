import { randomBytes } from 'node:crypto';
import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { isRetryable, isTerminal, jobNameOf, noFindings, unavailable, uuidV7 } from '@cloudscan/domain';
import type { FailureReason, Scan } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ScanSignal } from '../ports/scan-events.ts';
import type { EndAttemptCommand, TransitionResult } from '../ports/scan-repository.ts';
import { Sweep } from './sweep.ts';
import type { SystemPorts } from './system-ports.ts';

const graces = { dispatchGraceMs: 15_000, endGraceMs: 3000, deadlineMs: 60_000 };

const start = new Date('2026-01-15T12:00:00Z');

function aScan(overrides: Partial<Scan> = {}): Scan {
  const id = uuidV7(start.getTime(), randomBytes(10));
  return {
    ...{
      id,
      organizationId: 'organization',
      projectId: 'project',
      userId: null,
      status: 'queued',
      scanTypes: ['sast'],
      priority: 0,
      attempt: 1,
    },
    ...{
      source: { artifactId: 'artifact', gitUrl: null, gitBranch: null, gitCommit: null },
      admittedAt: start,
      jobName: null,
      progress: null,
    },
    ...{ findings: noFindings(), tools: [], acceptedRunId: null, resultsArtifactId: null, failureReason: null, failureEvidence: null },
    ...{ errorMessage: '', sequence: 1, createdAt: start, updatedAt: start, queuedAt: start, startedAt: null, completedAt: null },
    ...overrides,
  };
}

/** Scans and Jobs in memory, as a sweeper sees them. A test may change either between the lists and the live look. */
class World {
  #now = start;
  readonly scans = new Map<string, Scan>();
  readonly jobs = new Map<string, JobStatus>();
  readonly redispatched: string[] = [];
  readonly ends: EndAttemptCommand[] = [];
  readonly signals: ScanSignal[] = [];
  readonly calls: string[] = [];
  /** Called once the lists are read. */
  onListed: () => void = () => undefined;
  failing: string | null = null;
  readonly #sweep = new Sweep(this.#ports(), graces);

  async sweep(afterMs = 0, signal = new AbortController().signal) {
    this.#now = new Date(this.#now.getTime() + afterMs);
    return this.#sweep.runOnce(signal);
  }

  scan(overrides: Partial<Scan> = {}): Scan {
    const scan = aScan(overrides);
    this.scans.set(scan.id, scan);
    return scan;
  }

  job({ id: scanId, organizationId, attempt }: Scan, overrides: Partial<JobStatus> = {}): JobStatus {
    const at = this.#now;
    const job: JobStatus = {
      ...{ jobName: jobNameOf(scanId, attempt), namespace: 'local', scanId, organizationId, attempt, phase: 'running' },
      ...{ reason: null, evidence: null, createdAt: at, startedAt: at, endedAt: null },
      ...overrides,
    };
    this.jobs.set(job.jobName, job);
    return job;
  }

  #endAttempt(command: EndAttemptCommand): TransitionResult {
    this.ends.push(command);
    const scan = this.scans.get(command.scanId)!;
    const again = isRetryable(command.reason) && scan.attempt < command.maxAttempts;
    const next: Scan = again
      ? { ...scan, status: 'queued', attempt: scan.attempt + 1, admittedAt: null, sequence: scan.sequence + 1 }
      : { ...scan, status: 'failed', failureReason: command.reason, sequence: scan.sequence + 1 };
    this.scans.set(scan.id, next);
    return { kind: 'applied', scan: next };
  }

  #ports(): SystemPorts {
    const unused = (): never => {
      throw new Error('not part of a sweep');
    };
    const activeScans = () => [...this.scans.values()].filter(({ admittedAt, status }) => admittedAt !== null && !isTerminal(status));
    const listedJobs = () => [...this.jobs.values()];
    const listed = () => this.onListed();
    return {
      scope: systemScope('test'),
      clock: { now: () => this.#now },
      actor: 'sweeper',
      policy: { limits: { maxRunning: 1, maxRunningPerOrganization: 1, maxQueuedPerOrganization: 1, usageHalfLifeMs: 3_600_000 }, maxAttempts: 2 },
      events: { publish: (signal) => void this.signals.push(signal), subscribe: unused },
      scans: {
        findById: async (_scope, id) => this.scans.get(id) ?? null,
        endAttempt: async (_scope, command) => this.#endAttempt(command),
      },
      system: {
        ...{ organizationOfScan: unused, organizationOfProject: unused, admit: unused, findDispatchable: unused, recordJob: unused },
        ...{ expirePending: unused, collectDiscarded: unused, ensurePartitions: unused, queueStatistics: unused },
        async *active() {
          for (const scan of activeScans()) yield { ...scan, status: scan.status as 'queued' | 'running', admittedAt: scan.admittedAt! };
          listed();
        },
        redispatch: async (_scope, id) => {
          this.redispatched.push(id);
          return true;
        },
      },
      jobs: {
        kind: 'local',
        ...{ create: unused, logs: unused, removeOrphans: unused },
        get: async (jobName) => {
          if (jobName === this.failing) throw unavailable('the cluster');
          return this.jobs.get(jobName) ?? null;
        },
        async *list() {
          yield* listedJobs();
        },
        cancel: async (jobName) => {
          this.calls.push(`cancel ${jobName}`);
          const job = this.jobs.get(jobName)!;
          this.jobs.set(jobName, { ...job, phase: 'failed', reason: 'cancelled', evidence: { condition: 'Terminated' } });
        },
        delete: async (jobName) => {
          this.calls.push(`delete ${jobName}`);
          this.jobs.delete(jobName);
        },
      },
    };
  }
}

const nothing = { redispatched: 0, ended: 0, removed: 0, errors: [] };

test('what fits is left alone', async (t) => {
  const world = new World();
  world.job(world.scan());
  world.job(world.scan({ status: 'running' }));
  t.deepEqual(await world.sweep(), { activeScans: 2, jobs: 2, ...nothing });
  t.like(await world.sweep(50_000), nothing);
});

test('an admitted scan without a Job is dispatched again after the grace, and again only after another one', async (t) => {
  const world = new World();
  const { id } = world.scan();
  t.like(await world.sweep(), nothing);
  t.like(await world.sweep(14_999), nothing);
  t.is((await world.sweep(1)).redispatched, 1);
  t.like(await world.sweep(2000), nothing);
  t.is((await world.sweep(13_000)).redispatched, 1);
  t.deepEqual(world.redispatched, [id, id]);
});

test('the grace begins anew when the Job was seen in between', async (t) => {
  const world = new World();
  const scan = world.scan();
  await world.sweep();
  const job = world.job(scan);
  await world.sweep(14_000);
  world.jobs.delete(job.jobName);
  t.like(await world.sweep(14_000), nothing);
  t.like(await world.sweep(14_000), nothing);
  t.is((await world.sweep(1000)).redispatched, 1);
});

const ends: readonly (readonly [Partial<JobStatus>, FailureReason, 'queued' | 'failed'])[] = [
  [{ phase: 'failed', reason: 'oom_killed', evidence: { condition: 'OOMKilled', signal: 'SIGKILL' } }, 'oom_killed', 'failed'],
  [{ phase: 'failed', reason: 'tool_error', evidence: { exitCode: 3 } }, 'tool_error', 'failed'],
  [{ phase: 'failed', reason: 'runner_lost', evidence: { signal: 'SIGKILL' } }, 'runner_lost', 'queued'],
  [{ phase: 'failed', reason: 'preempted', evidence: { condition: 'Terminated' } }, 'preempted', 'queued'],
  [{ phase: 'succeeded', evidence: { exitCode: 0 } }, 'internal', 'queued'],
];
for (const [job, reason, status] of ends) {
  test(`a Job that ${job.phase === 'succeeded' ? 'succeeded without completing' : `failed with ${reason}`} leaves its scan ${status}`, async (t) => {
    const world = new World();
    const scan = world.scan({ status: 'running' });
    const { jobName } = world.job(scan, job);
    t.like(await world.sweep(), nothing);
    t.like(await world.sweep(3000), { ended: 1, removed: 1, errors: [] });
    t.like(world.ends[0], { scanId: scan.id, attempt: 1, reason, evidence: job.evidence, maxAttempts: 2, actor: 'sweeper' });
    t.like(world.scans.get(scan.id), { status, attempt: status === 'queued' ? 2 : 1 });
    t.deepEqual(world.calls, [`delete ${jobName}`]);
    t.deepEqual(world.signals, [{ organizationId: scan.organizationId, scanId: scan.id, sequence: 2 }]);
    t.like(await world.sweep(60_000), { ...nothing, jobs: 0 });
  });
}

test('a completion that arrives during the grace, or after the lists were read, stands', async (t) => {
  const world = new World();
  const [first, second] = [world.scan({ status: 'running' }), world.scan({ status: 'running' })];
  world.job(first, { phase: 'succeeded' });
  world.job(second, { phase: 'failed', reason: 'runner_lost' });
  await world.sweep();
  world.scans.set(first.id, { ...first, status: 'completed' });
  world.onListed = () => world.scans.set(second.id, { ...second, status: 'completed' });
  t.like(await world.sweep(3000), { ended: 0, removed: 2, errors: [] });
  t.deepEqual(world.ends, []);
});

test('a Job that appears after the lists were read is neither redispatched nor lost', async (t) => {
  const world = new World();
  const [queued, running] = [world.scan(), world.scan({ status: 'running' })];
  await world.sweep();
  world.onListed = () => [queued, running].forEach((scan) => world.job(scan));
  t.like(await world.sweep(15_000), nothing);
});

test('a running scan whose Job has vanished is lost after the grace', async (t) => {
  const world = new World();
  const { id } = world.scan({ status: 'running' });
  await world.sweep();
  t.is((await world.sweep(15_000)).ended, 1);
  t.like(world.ends[0], { scanId: id, reason: 'runner_lost', evidence: null });
});

test('a scan that cannot be dispatched, or whose Job never starts, gives way in the end and is told why', async (t) => {
  const world = new World();
  const without = world.scan();
  const waiting = world.scan();
  world.job(waiting, { phase: 'pending', startedAt: null });
  await world.sweep(60_001);
  await world.sweep(15_000);
  t.deepEqual(
    world.ends.map(({ scanId, reason }) => [scanId, reason]).toSorted(),
    [
      [without.id, 'unschedulable'],
      [waiting.id, 'unschedulable'],
    ].toSorted(),
  );
});

test('a Job over its deadline is stopped, and its scan has failed with that reason', async (t) => {
  const world = new World();
  const scan = world.scan({ status: 'running' });
  const { jobName } = world.job(scan);
  t.like(await world.sweep(60_000), nothing);
  t.like(await world.sweep(1), { ended: 1, removed: 1 });
  t.like(world.ends[0], { reason: 'deadline_exceeded', evidence: { condition: 'Terminated' } });
  t.deepEqual(world.calls, [`cancel ${jobName}`, `delete ${jobName}`]);
});

test('a Job of a cancelled, deleted or later attempt of a scan goes: at once if it has ended, after a grace if it runs', async (t) => {
  const world = new World();
  const cancelled = world.job(world.scan({ status: 'cancelled' }));
  const ended = world.job(world.scan({ status: 'completed' }), { phase: 'succeeded' });
  const deleted = world.job(aScan({ attempt: 1 }));
  const retried = world.scan({ attempt: 2 });
  world.job(retried);
  const former = world.job({ ...retried, attempt: 1 });
  t.like(await world.sweep(), { removed: 1 });
  t.deepEqual(world.calls, [`delete ${ended.jobName}`]);
  t.like(await world.sweep(3000), { removed: 3 });
  t.deepEqual(world.calls.slice(1).toSorted(), [cancelled, deleted, former].map(({ jobName }) => `delete ${jobName}`).toSorted());
});

test('a stray that its scan, read live, waits for is kept', async (t) => {
  const world = new World();
  const scan = world.scan({ admittedAt: null });
  world.job(scan, { phase: 'succeeded' });
  t.like(await world.sweep(), nothing);
  t.deepEqual(world.calls, []);
});

test('one Job that cannot be dealt with holds up no other and is tried again', async (t) => {
  const world = new World();
  const [bad, good] = [world.job(world.scan({ status: 'failed' })), world.job(world.scan({ status: 'failed' }))];
  world.failing = bad.jobName;
  await world.sweep();
  const report = await world.sweep(3000);
  t.is(report.removed, 1);
  t.deepEqual(
    report.errors.map(({ jobName }) => jobName),
    [bad.jobName],
  );
  t.false(world.jobs.has(good.jobName));
  world.failing = null;
  t.is((await world.sweep(3000)).removed, 1);
});

test('a pass that is aborted does nothing more', async (t) => {
  const world = new World();
  world.job(world.scan({ status: 'failed' }), { phase: 'failed' });
  const abort = new AbortController();
  world.onListed = () => abort.abort();
  await t.throwsAsync(world.sweep(0, abort.signal), { name: 'AbortError' });
  t.deepEqual(world.calls, []);
});
