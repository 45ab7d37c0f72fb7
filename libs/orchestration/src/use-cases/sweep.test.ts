import { randomBytes } from 'node:crypto';
import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { DomainError, isRetryable, isTerminal, jobNameOf, noFindings, parseJobName, unavailable, uuidV7 } from '@cloudscan/domain';
import type { FailureReason, Scan } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ScanSignal } from '../ports/scan-events.ts';
import type { ActiveScan, AttemptEnd, EndAttemptsCommand, TransitionResult } from '../ports/scan-repository.ts';
import type { SweepPolicy } from './plan-sweep.ts';
import { Sweep } from './sweep.ts';
import type { SystemPorts } from './system-ports.ts';

const minuteMs = 60_000;
const graces: SweepPolicy = {
  ...{ dispatchGraceMs: 15_000, endGraceMs: 3000, deadlineMs: 3_600_000, waitLimitMs: 3_600_000 },
  blockageGraceMs: (reason) => (reason === 'image_pull' ? 2 * minuteMs : 5 * minuteMs),
};

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
    ...{
      findings: noFindings(),
      tools: [],
      acceptedRunId: null,
      resultsArtifactId: null,
      provenance: null,
      failureReason: null,
      failureEvidence: null,
    },
    ...{ errorMessage: '', sequence: 1, createdAt: start, updatedAt: start, queuedAt: start, startedAt: null, completedAt: null },
    ...overrides,
  };
}

/** Scans and Jobs in memory, as a sweeper sees them. A test may change either between the survey and the live look. */
class World {
  #now = start;
  readonly scans = new Map<string, Scan>();
  readonly jobs = new Map<string, JobStatus>();
  /** In place of `jobs` where a test makes the picture stale. */
  picture: ReadonlyMap<string, JobStatus> | null = null;
  readonly redispatched: string[] = [];
  readonly ends: AttemptEnd[] = [];
  readonly signals: ScanSignal[] = [];
  /** What was asked of the platform and of the database. */
  readonly calls: string[] = [];
  /** Called once both pictures are read. */
  onListed: () => void = () => undefined;
  /** Since when attempts that have ended hold their places, by the names of their Jobs. */
  readonly held = new Map<string, Date>();
  logs: (jobName: string) => Promise<string> = async () => '';
  /** Calls that fail, as `calls` names them. */
  readonly failing = new Map<string, Error>();
  readonly sweep = new Sweep(this.#ports(), graces);

  pass(afterMs = 0, signal = new AbortController().signal) {
    this.advance(afterMs);
    return this.sweep.runOnce(signal);
  }

  look(jobNames: readonly string[], afterMs = 0) {
    this.advance(afterMs);
    return this.sweep.runFor(jobNames, new Map(), new AbortController().signal);
  }

  /** What a watch has just shown of the Jobs, or of those that are there no more. */
  hear(jobNames: readonly string[], afterMs = 0) {
    this.advance(afterMs);
    const seen = new Map(jobNames.map((jobName) => [jobName, this.jobs.get(jobName) ?? null]));
    return this.sweep.runFor(jobNames, seen, new AbortController().signal);
  }

  advance(ms: number): void {
    this.#now = new Date(this.#now.getTime() + ms);
  }

  /** What was done to Jobs. */
  get acts(): readonly string[] {
    return this.calls.filter((call) => /^(?:cancel|retire|delete) /.test(call));
  }

  scan(overrides: Partial<Scan> = {}): Scan {
    const scan = aScan(overrides);
    this.scans.set(scan.id, scan);
    return scan;
  }

  job({ id: scanId, organizationId, attempt }: Scan, overrides: Partial<JobStatus> = {}): JobStatus {
    const at = this.#now;
    const job: JobStatus = {
      ...{ jobName: jobNameOf(scanId, attempt), namespace: 'local', scanId, organizationId, attempt, phase: 'running', blockage: null },
      ...{ reason: null, evidence: null, createdAt: at, startedAt: at, endedAt: null },
      ...overrides,
    };
    this.jobs.set(job.jobName, job);
    return job;
  }

  #called(call: string): void {
    this.calls.push(call);
    const error = this.failing.get(call);
    if (error !== undefined) throw error;
  }

  #end(end: AttemptEnd, { maxAttempts }: EndAttemptsCommand): TransitionResult {
    const scan = this.scans.get(end.scanId);
    if (scan === undefined) return { kind: 'not_found' };
    if (isTerminal(scan.status)) return { kind: 'refused', scan, because: 'status' };
    if (scan.attempt !== end.attempt) return { kind: 'unchanged', scan };
    this.ends.push(end);
    const again = isRetryable(end.reason) && scan.attempt < maxAttempts;
    const next: Scan = again
      ? { ...scan, status: 'queued', attempt: scan.attempt + 1, admittedAt: null, sequence: scan.sequence + 1 }
      : { ...scan, status: 'failed', failureReason: end.reason, sequence: scan.sequence + 1 };
    this.scans.set(scan.id, next);
    return { kind: 'applied', scan: next };
  }

  #active(): readonly ActiveScan[] {
    return [...this.scans.values()].flatMap((scan) =>
      scan.status === 'queued' || scan.status === 'running' ? [{ ...scan, status: scan.status }] : [],
    );
  }

  #ports(): SystemPorts {
    const unused = (): never => {
      throw new Error('not part of a sweep');
    };
    const limits = { maxRunning: 1, maxRunningPerOrganization: 1, maxQueuedPerOrganization: 1, usageHalfLifeMs: 3_600_000 };
    const admitted = () => this.#active().filter(({ admittedAt }) => admittedAt !== null);
    const listed = () => this.onListed();
    const pictured = () => [...(this.picture ?? this.jobs).values()];
    const called = (call: string) => this.#called(call);
    return {
      ...{ scope: systemScope('test'), clock: { now: () => this.#now }, actor: 'sweeper', policy: { limits, maxAttempts: 2 } },
      events: { publish: (signal) => void this.signals.push(signal), subscribe: unused },
      scans: { findById: unused, endAttempt: unused },
      system: {
        ...{ organizationOfScan: unused, organizationOfProject: unused, admit: unused, findDispatchable: unused, recordJob: unused },
        ...{ expirePending: unused, collectDiscarded: unused, ensurePartitions: unused, queueStatistics: unused },
        ...{ removeEnded: unused, findEnded: unused, partitionMonths: unused, missingPartitions: unused },
        async *active() {
          yield* admitted();
          listed();
        },
        activeAmong: async (_scope, ids) => {
          this.#called(`activeAmong ${ids.length}`);
          return this.#active().filter(({ id }) => ids.includes(id));
        },
        endAttempts: async (_scope, command) => {
          this.#called(`endAttempts ${command.ends.length}`);
          return command.ends.map((end) => this.#end(end, command));
        },
        heldPlaces: async (_scope, before) => [...this.held].flatMap(([name, at]) => (at < before ? parseJobName(name)! : [])),
        freePlaces: async (_scope, { attempts }) => {
          const names = attempts.map(({ scanId, attempt }) => jobNameOf(scanId, attempt));
          return names.filter((name) => this.held.delete(name)).length;
        },
        redispatch: async (_scope, attempts) => {
          this.redispatched.push(...attempts.map(({ scanId }) => scanId));
          return attempts.length;
        },
      },
      jobs: {
        ...{ kind: 'local', create: unused, watch: unused, removeOrphans: unused, ping: unused },
        find: async (jobNames) => {
          this.#called(`find ${jobNames.length}`);
          return new Map(jobNames.flatMap((name) => (this.jobs.has(name) ? [[name, this.jobs.get(name)!] as const] : [])));
        },
        async *list() {
          called('list');
          yield* pictured();
        },
        logs: async (jobName, maxBytes) => {
          this.#called(`logs ${jobName} ${maxBytes}`);
          return this.logs(jobName);
        },
        cancel: async (jobName) => this.#called(`cancel ${jobName}`),
        retire: async (jobName) => {
          this.#called(`retire ${jobName}`);
          this.jobs.delete(jobName);
        },
        delete: async (jobName) => {
          this.#called(`delete ${jobName}`);
          this.jobs.delete(jobName);
        },
      },
    };
  }
}

const nothing = { redispatched: 0, ended: 0, removed: 0, errors: [] };
const failed = { phase: 'failed', reason: 'runner_lost', evidence: { signal: 'SIGKILL' } } as const;

test('what fits is left alone, and a survey is all that it takes', async (t) => {
  const world = new World();
  world.job(world.scan());
  world.job(world.scan({ status: 'running' }));
  t.deepEqual(await world.pass(), { activeScans: 2, jobs: 2, activeJobs: 2, again: new Map(), ...nothing });
  t.like(await world.pass(50_000), nothing);
  t.deepEqual(world.calls, ['list', 'list']);
});

test('an admitted scan without a Job is dispatched again after the grace, and again only after another one', async (t) => {
  const world = new World();
  const { id } = world.scan();
  t.like(await world.pass(), nothing);
  t.like(await world.pass(14_999), nothing);
  t.is((await world.pass(1)).redispatched, 1);
  t.like(await world.pass(2000), nothing);
  t.is((await world.pass(13_000)).redispatched, 1);
  t.deepEqual(world.redispatched, [id, id]);
  t.true(
    world.calls.every((call) => call === 'list'),
    'the platform is asked for nothing else, however many wait',
  );
});

test('a queued scan whose Job went is dispatched again after the grace', async (t) => {
  const world = new World();
  const jobName = jobNameOf(world.scan().id, 1);
  t.deepEqual((await world.hear([jobName])).again, new Map([[jobName, 15_000]]));
  t.is((await world.look([jobName], 15_000)).redispatched, 1);
  t.deepEqual((await world.look([jobName])).again, new Map([[jobName, 15_000]]));
});

test('what a watch shows is compared with the scans, and read live only where it does not fit', async (t) => {
  const world = new World();
  const running = world.job(world.scan({ status: 'running' }));
  const done = world.job(world.scan({ status: 'completed' }), { phase: 'succeeded' });
  t.like(await world.hear([running.jobName, done.jobName]), { ended: 0, removed: 1 });
  t.deepEqual(world.calls, ['activeAmong 2', `retire ${done.jobName}`]);
  const ended = world.job(world.scan({ status: 'running' }), failed);
  t.is((await world.hear([running.jobName, ended.jobName])).ended, 1);
  t.deepEqual(world.calls.slice(2, 5), ['activeAmong 2', 'find 1', 'activeAmong 1']);
});

test('what a watch shows is not acted on where the live look finds otherwise', async (t) => {
  const world = new World();
  const healthy = world.job(world.scan({ status: 'running' }));
  const looks = new Map([[healthy.jobName, { ...healthy, ...failed }]]);
  t.like(await world.sweep.runFor([...looks.keys()], looks, new AbortController().signal), { ...nothing, again: new Map() });
  t.deepEqual(world.ends, []);
});

test('the grace begins anew when the Job was seen in between, by a survey or by a look', async (t) => {
  const world = new World();
  const scan = world.scan();
  const jobName = jobNameOf(scan.id, 1);
  for (const see of [() => world.pass(14_000), () => world.look([jobName], 14_000)]) {
    await world.pass();
    world.job(scan);
    await see();
    world.jobs.delete(jobName);
    t.like(await world.pass(14_000), nothing);
    t.like(await world.pass(14_000), nothing);
  }
  t.is((await world.pass(1000)).redispatched, 1);
});

const ends: readonly (readonly [Partial<JobStatus>, FailureReason, 'queued' | 'failed'])[] = [
  [{ phase: 'failed', reason: 'oom_killed', evidence: { condition: 'OOMKilled', signal: 'SIGKILL' } }, 'oom_killed', 'failed'],
  [{ phase: 'failed', reason: 'tool_error', evidence: { exitCode: 3 } }, 'tool_error', 'failed'],
  [{ phase: 'failed', reason: 'deadline_exceeded', evidence: { condition: 'DeadlineExceeded' } }, 'deadline_exceeded', 'failed'],
  [{ phase: 'failed', reason: 'runner_lost', evidence: { signal: 'SIGKILL' } }, 'runner_lost', 'queued'],
  [{ phase: 'failed', reason: 'evicted', evidence: { condition: 'Evicted', message: 'low on memory' } }, 'evicted', 'queued'],
  [{ phase: 'failed', reason: 'preempted', evidence: { condition: 'Terminated' } }, 'preempted', 'queued'],
  [{ phase: 'failed', reason: null, evidence: null }, 'internal', 'queued'],
];
for (const [job, reason, status] of ends) {
  test(`a Job that failed with ${reason} leaves its scan ${status} at once, and is retired after that`, async (t) => {
    const world = new World();
    const scan = world.scan({ status: 'running' });
    const { jobName } = world.job(scan, job);
    t.like(await world.look([jobName]), { ended: 1, removed: 1, errors: [] });
    t.like(world.ends, [{ scanId: scan.id, attempt: 1, reason, evidence: job.evidence }]);
    t.like(world.scans.get(scan.id), { status, attempt: status === 'queued' ? 2 : 1 });
    t.deepEqual(world.calls.slice(-2), ['endAttempts 1', `retire ${jobName}`]);
    t.deepEqual(world.signals, [{ organizationId: scan.organizationId, scanId: scan.id, sequence: 2 }]);
    t.like(await world.pass(60_000), { ...nothing, jobs: 0 });
  });
}

test('a Job that succeeded without a report has its grace, and its scan is tried again then', async (t) => {
  const world = new World();
  const { jobName } = world.job(world.scan({ status: 'running' }), { phase: 'succeeded', evidence: { exitCode: 0 } });
  t.deepEqual((await world.look([jobName])).again, new Map([[jobName, 3000]]));
  t.is((await world.look([jobName], 3000)).ended, 1);
  t.like(world.ends, [{ reason: 'internal', evidence: { exitCode: 0 } }]);
});

test('the message names the reason, what helps and the words of the platform', async (t) => {
  const world = new World();
  const evidence = { condition: 'Evicted', message: 'The node was low on resource: memory.' };
  const { jobName } = world.job(world.scan(), { phase: 'failed', reason: 'evicted', evidence });
  await world.look([jobName]);
  t.is(
    world.ends[0]?.message,
    'the machine that ran the scan was short of resources; start it again when there is room (Evicted: The node was low on resource: memory.)',
  );
});

test('the end of the log becomes evidence where the platform gave none, and is read before the Job is touched', async (t) => {
  const world = new World();
  world.logs = async () => 'last words';
  const silent = world.job(world.scan(), { phase: 'failed', reason: 'tool_error', evidence: { exitCode: 1 } });
  const known = world.job(world.scan(), { phase: 'failed', reason: 'tool_error', evidence: { exitCode: 1, logTail: 'known' } });
  await world.look([silent.jobName, known.jobName]);
  t.deepEqual(
    world.ends.map(({ evidence }) => evidence?.logTail),
    ['last words', 'known'],
  );
  t.deepEqual(world.calls.slice(2, 4), [`logs ${silent.jobName} 4096`, 'endAttempts 2']);
});

test('a log that cannot be read, or does not come, holds up no end', async (t) => {
  const world = new World();
  const [refused, hanging] = [world.job(world.scan(), failed), world.job(world.scan(), failed)];
  world.failing.set(`logs ${refused.jobName} 4096`, unavailable('the node'));
  world.logs = () => new Promise(() => undefined);
  const report = await world.look([refused.jobName, hanging.jobName]);
  t.like(report, { ended: 2, removed: 2, again: new Map() });
  t.like(report.errors, [{ jobNames: [refused.jobName] }]);
  t.deepEqual(
    world.ends.map(({ evidence }) => evidence),
    [failed.evidence, failed.evidence],
  );
});

test('a completion that arrives during the grace, or after the survey, stands', async (t) => {
  const world = new World();
  const [first, second] = [world.scan({ status: 'running' }), world.scan({ status: 'running' })];
  world.job(first, { phase: 'succeeded' });
  world.job(second, { phase: 'succeeded' });
  await world.pass();
  world.scans.set(first.id, { ...first, status: 'completed' });
  world.onListed = () => world.scans.set(second.id, { ...second, status: 'completed' });
  t.like(await world.pass(3000), { ended: 0, removed: 2, errors: [] });
  t.deepEqual(world.ends, []);
});

test('a stale picture ends, stops and removes nothing that the live look does not find', async (t) => {
  const world = new World();
  const [queued, running, done] = [world.scan(), world.scan({ status: 'running' }), world.scan({ status: 'running' })];
  world.picture = new Map([[jobNameOf(done.id, 1), { ...world.job(done), ...failed }]]);
  await world.pass();
  for (const scan of [queued, running]) world.job(scan);
  t.like(await world.pass(3_600_000), { ...nothing, redispatched: 1 }, 'a message too many, which makes nothing');
  t.deepEqual(world.acts, []);
  t.deepEqual(world.ends, []);
});

test('a running scan whose Job has vanished is lost after the grace', async (t) => {
  const world = new World();
  const { id } = world.scan({ status: 'running' });
  await world.pass();
  t.is((await world.pass(15_000)).ended, 1);
  t.like(world.ends[0], { scanId: id, reason: 'runner_lost', evidence: null });
});

test('a scan that cannot be dispatched, or whose Job never starts, gives way in the end and is told why', async (t) => {
  const world = new World();
  const without = world.scan();
  const waiting = world.scan();
  world.job(waiting, { phase: 'pending', startedAt: null });
  await world.pass(26 * 3_600_000);
  await world.pass(15_000);
  t.like(
    world.ends.find(({ scanId }) => scanId === without.id),
    { reason: 'unschedulable', evidence: null },
  );
  t.like(
    world.ends.find(({ scanId }) => scanId === waiting.id),
    { reason: 'unschedulable', evidence: { condition: 'Pending' } },
  );
});

test('a Job over its deadline is stopped, its end recorded with the log, and then removed', async (t) => {
  const world = new World();
  const scan = world.scan({ status: 'running' });
  const { jobName } = world.job(scan);
  world.logs = async () => 'still at it';
  t.like(await world.pass(3_600_000), nothing);
  t.like(await world.pass(1), { ended: 1, removed: 1 });
  t.like(world.ends[0], { reason: 'deadline_exceeded', evidence: { condition: 'DeadlineExceeded', logTail: 'still at it' } });
  t.deepEqual(world.calls.slice(-4), [`logs ${jobName} 4096`, `cancel ${jobName}`, 'endAttempts 1', `delete ${jobName}`]);
});

const pull = { reason: 'image_pull', condition: 'ImagePullBackOff', message: 'Back-off pulling image "runner:gone"' } as const;

test('a Job that cannot start has a grace by its reason; then it is stopped, recorded with the reason and removed', async (t) => {
  const world = new World();
  const scan = world.scan();
  const { jobName } = world.job(scan, { phase: 'pending', startedAt: null, blockage: pull });
  t.deepEqual((await world.look([jobName])).again, new Map([[jobName, 2 * minuteMs]]));
  t.like(await world.pass(2 * minuteMs - 1), nothing);
  t.like(await world.pass(1), { ended: 1, removed: 1 });
  t.like(world.ends, [{ reason: 'image_pull', evidence: { condition: 'ImagePullBackOff', message: pull.message } }]);
  t.regex(world.ends[0]!.message, /RUNNER_IMAGE.*ImagePullBackOff: Back-off pulling image "runner:gone"/);
  t.deepEqual(world.acts, [`cancel ${jobName}`, `delete ${jobName}`]);
});

test('what keeps a Job from starting is timed by reason: its words may change, another reason begins anew', async (t) => {
  const world = new World();
  const job = world.job(world.scan(), { phase: 'pending', startedAt: null, blockage: pull });
  const blockedBy = (blockage: JobStatus['blockage']): void => void world.jobs.set(job.jobName, { ...job, blockage });
  await world.pass();
  blockedBy({ ...pull, condition: 'ErrImagePull' });
  t.deepEqual((await world.pass(minuteMs)).again, new Map([[job.jobName, minuteMs]]));
  blockedBy({ reason: 'unschedulable', condition: 'Unschedulable', message: '0/3 nodes are available' });
  t.deepEqual((await world.pass(minuteMs)).again, new Map([[job.jobName, 5 * minuteMs]]));
  blockedBy(null);
  t.like(await world.pass(5 * minuteMs), { ...nothing, again: new Map() });
});

test('a Job that cannot be stopped is not recorded as ended, and is tried again soon', async (t) => {
  const world = new World();
  const { jobName } = world.job(world.scan(), { phase: 'pending', startedAt: null, blockage: pull });
  await world.pass();
  world.failing.set(`cancel ${jobName}`, unavailable('the cluster'));
  const report = await world.pass(2 * minuteMs);
  t.deepEqual(report.again, new Map([[jobName, 5000]]));
  t.like(report.errors, [{ jobNames: [jobName] }]);
  t.deepEqual(world.ends, []);
  world.failing.clear();
  t.is((await world.look([jobName], 5000)).ended, 1);
});

test('a Job that was long in stopping is recorded with the reason that it was stopped for', async (t) => {
  const world = new World();
  const job = world.job(world.scan(), { phase: 'pending', startedAt: null, blockage: pull });
  await world.pass();
  world.failing.set(`cancel ${job.jobName}`, unavailable('the end of the Job'));
  await world.pass(2 * minuteMs);
  const stopped = { ...job, phase: 'failed', reason: 'cancelled', blockage: null, evidence: { condition: 'JobSuspended' } } as const;
  world.jobs.set(job.jobName, stopped);
  t.is((await world.look([job.jobName])).ended, 1);
  t.like(world.ends, [{ reason: 'image_pull', evidence: { condition: 'ImagePullBackOff' } }]);
});

test('a Job that was cancelled ends for good only by its removal: it is deleted, after a live look', async (t) => {
  const world = new World();
  const { jobName } = world.job(world.scan({ status: 'failed' }), { phase: 'failed', reason: 'cancelled' });
  t.is((await world.hear([jobName])).removed, 1);
  t.deepEqual(world.calls, ['activeAmong 1', 'find 1', 'activeAmong 1', `delete ${jobName}`]);
});

test('a Job that somebody stopped although its scan waits for it is tried again', async (t) => {
  const world = new World();
  const scan = world.scan({ status: 'running' });
  const { jobName } = world.job(scan, { phase: 'failed', reason: 'cancelled', evidence: { condition: 'JobSuspended' } });
  await world.look([jobName]);
  t.like(world.ends, [{ reason: 'runner_lost', evidence: { condition: 'JobSuspended' } }]);
  t.like(world.scans.get(scan.id), { status: 'queued', attempt: 2 });
  t.deepEqual(world.acts, [`delete ${jobName}`]);
});

test('a Job of a cancelled, deleted or later attempt of a scan goes: retired if it has ended, deleted after a grace if it runs', async (t) => {
  const world = new World();
  const cancelled = world.job(world.scan({ status: 'cancelled' }));
  const ended = world.job(world.scan({ status: 'completed' }), { phase: 'succeeded' });
  const deleted = world.job(aScan({ attempt: 1 }));
  const retried = world.scan({ attempt: 2 });
  world.job(retried);
  const former = world.job({ ...retried, attempt: 1 });
  const formerEnded = world.job(world.scan({ attempt: 3 }), { ...failed });
  world.job({ ...world.scans.get(formerEnded.scanId)!, attempt: 2 }, failed);
  world.jobs.set(formerEnded.jobName, { ...formerEnded, phase: 'running', reason: null });
  t.like(await world.pass(), { removed: 2 });
  t.deepEqual(world.acts.toSorted(), [ended.jobName, jobNameOf(formerEnded.scanId, 2)].map((name) => `retire ${name}`).toSorted());
  t.like(await world.pass(3000), { removed: 3 });
  t.deepEqual(world.acts.slice(2).toSorted(), [cancelled, deleted, former].map(({ jobName }) => `delete ${jobName}`).toSorted());
  t.deepEqual(world.ends, []);
});

test('a stray whose scan, read live, waits at that attempt is kept', async (t) => {
  const world = new World();
  world.job(world.scan({ admittedAt: null }), { phase: 'succeeded' });
  t.like(await world.pass(), { ...nothing, removed: 0 });
  t.deepEqual(world.acts, []);
});

test('what was seen before a pause is looked at again before it is acted on', async (t) => {
  const world = new World();
  const stray = world.job(world.scan({ status: 'cancelled' }));
  const blocked = world.job(world.scan(), { phase: 'pending', startedAt: null, blockage: pull });
  const lost = jobNameOf(world.scan({ status: 'running' }).id, 1);
  await world.pass();
  world.advance(2 * minuteMs);
  const looks = [stray.jobName, blocked.jobName, lost];
  const frozen = world.look(looks);
  world.advance(10_001);
  const report = await frozen;
  t.like(report, nothing);
  t.deepEqual(Object.fromEntries(report.again), Object.fromEntries(looks.map((name) => [name, 0])));
  t.deepEqual(world.acts, []);
  t.like(await world.look(looks), { ended: 2, removed: 2 });
});

test('looks go to the platform and to the database in batches, not one by one', async (t) => {
  const world = new World();
  const names = Array.from({ length: 250 }, () => world.job(world.scan(), failed).jobName);
  t.like(await world.look(names), { ended: 250, removed: 250 });
  const batches = world.calls.filter((call) => /^(?:find|activeAmong|endAttempts) /.test(call));
  t.deepEqual(
    batches,
    [100, 100, 50].flatMap((count) => [`find ${count}`, `activeAmong ${count}`, `endAttempts ${count}`]),
  );
});

test('one Job that cannot be dealt with holds up no other and is tried again', async (t) => {
  const world = new World();
  const [bad, good] = [world.job(world.scan({ status: 'failed' })), world.job(world.scan({ status: 'failed' }))];
  world.failing.set(`delete ${bad.jobName}`, unavailable('the cluster'));
  await world.pass();
  const report = await world.pass(3000);
  t.is(report.removed, 1);
  t.like(report.errors, [{ jobNames: [bad.jobName] }]);
  t.false(world.jobs.has(good.jobName));
  world.failing.clear();
  t.is((await world.pass(3000)).removed, 1);
});

test('an end that the database refuses holds up no other', async (t) => {
  const world = new World();
  const jobs = Array.from({ length: 3 }, () => world.job(world.scan(), failed));
  world.failing.set('endAttempts 3', new DomainError('internal', 'internal error'));
  t.like(await world.look(jobs.map(({ jobName }) => jobName)), { ended: 3, removed: 3, errors: [] });
});

test('while the database is away nothing is recorded and nothing removed, and that is one error', async (t) => {
  const world = new World();
  const names = Array.from({ length: 3 }, () => world.job(world.scan(), failed).jobName);
  world.failing.set('endAttempts 3', unavailable('the database'));
  const report = await world.look(names);
  t.like(report, { ended: 0, removed: 0, again: new Map(names.map((name) => [name, 5000])) });
  t.like(report.errors, [{ jobNames: names }]);
  t.is(report.errors.length, 1);
  t.deepEqual(world.acts, []);
});

test('a platform that is away is one error, and no attempt ends because of it', async (t) => {
  const world = new World();
  for (let count = 0; count < 20; count += 1) world.scan({ status: 'running' });
  await world.pass();
  world.failing.set('find 20', unavailable('the cluster'));
  await t.throwsAsync(world.pass(15_000), { code: 'unavailable' });
  world.failing.set('list', unavailable('the cluster'));
  await t.throwsAsync(world.pass(15_000), { code: 'unavailable' });
  t.deepEqual(world.ends, []);
});

test('a pass that is aborted does nothing more', async (t) => {
  const world = new World();
  world.job(world.scan({ status: 'failed' }), { phase: 'failed' });
  const abort = new AbortController();
  world.onListed = () => abort.abort();
  await t.throwsAsync(world.pass(0, abort.signal), { name: 'AbortError' });
  t.deepEqual(world.acts, []);
});

test('an attempt that has ended holds its place while its Job runs, and gives it away once that is over', async (t) => {
  const world = new World();
  const running = world.job(world.scan({ status: 'completed' }));
  const gone = world.scan({ status: 'cancelled' });
  const goneName = jobNameOf(gone.id, 1);
  for (const name of [running.jobName, goneName]) world.held.set(name, start);
  await world.hear([running.jobName, goneName]);
  t.deepEqual([...world.held.keys()], [running.jobName]);
  world.job(gone, { jobName: running.jobName, ...failed });
  await world.hear([running.jobName]);
  t.is(world.held.size, 0);
});

test('a place whose Job nobody has seen is held for the grace of a Job in the making', async (t) => {
  const world = new World();
  world.held.set(jobNameOf(world.scan({ status: 'cancelled' }).id, 1), start);
  await world.pass(14_000);
  t.is(world.held.size, 1);
  await world.pass(2000);
  t.is(world.held.size, 0);
});
