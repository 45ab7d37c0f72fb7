import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { DomainError, unavailable } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import type { JobSpec } from '../ports/job-dispatcher.ts';
import type { EndAttemptCommand } from '../ports/scan-repository.ts';
import { dispatchScan } from './dispatch-scan.ts';
import { stopJob } from './stop-job.ts';
import type { SystemPorts } from './system-ports.ts';

const now = new Date('2026-01-15T12:00:00Z');
const source = { artifactId: 'artifact', gitUrl: null, gitBranch: null, gitCommit: null };
const scan = {
  ...{ id: 'scan', organizationId: 'organization', projectId: 'project', scanTypes: ['sast'], source },
  ...{ status: 'queued', attempt: 2, admittedAt: new Date(now.getTime() - 1500) },
} as unknown as Scan;
const message = { scanId: 'scan', organizationId: 'organization', attempt: 2, traceparent: 'trace' };

interface Behaviour {
  readonly dispatchable?: Scan | null;
  readonly createError?: unknown;
  readonly recorded?: boolean;
  readonly current?: Scan | null;
}

function world({ dispatchable = scan, createError, recorded = true, current = scan }: Behaviour) {
  const seen = { specs: [] as JobSpec[], ends: [] as EndAttemptCommand[], deleted: [] as string[], records: [] as unknown[] };
  const ports = {
    scope: systemScope('test'),
    clock: { now: () => now },
    actor: 'dispatcher',
    policy: { limits: {}, maxAttempts: 2 },
    events: { publish: () => undefined },
    scans: {
      findById: async () => current,
      endAttempt: async (_scope: unknown, command: EndAttemptCommand) => {
        seen.ends.push(command);
        return { kind: 'applied', scan };
      },
    },
    system: {
      findDispatchable: async () => dispatchable,
      recordJob: async (_scope: unknown, command: unknown) => {
        seen.records.push(command);
        return recorded;
      },
    },
    jobs: {
      create: async (spec: JobSpec) => {
        seen.specs.push(spec);
        if (createError !== undefined) throw createError;
        return { jobName: 'scan-scan-2', namespace: 'local' };
      },
      delete: async (jobName: string) => void seen.deleted.push(jobName),
    },
  } as unknown as SystemPorts;
  return { ports, seen };
}

test('a current attempt gets its Job, which is recorded', async (t) => {
  const { ports, seen } = world({});
  const outcome = await dispatchScan(ports, message, { isLast: false });
  t.deepEqual(outcome, { kind: 'dispatched', jobName: 'scan-scan-2', waitedMs: 1500 });
  t.deepEqual(seen.specs, [
    { scanId: 'scan', organizationId: 'organization', projectId: 'project', attempt: 2, scanTypes: ['sast'], source, traceparent: 'trace' },
  ]);
  t.deepEqual(seen.records, [{ scanId: 'scan', attempt: 2, jobName: 'scan-scan-2', jobNamespace: 'local', at: now }]);
});

test('an attempt that was completed before its Job was recorded keeps the Job', async (t) => {
  const { ports, seen } = world({ recorded: false, current: { ...scan, status: 'completed' } });
  t.is((await dispatchScan(ports, message, { isLast: false })).kind, 'dispatched');
  t.deepEqual(seen.deleted, []);
});

test('an attempt that is not current gets none', async (t) => {
  const { ports, seen } = world({ dispatchable: null });
  t.deepEqual(await dispatchScan(ports, message, { isLast: true }), { kind: 'stale' });
  t.deepEqual(seen.specs, []);
});

test('a Job whose attempt ended meanwhile goes again', async (t) => {
  const { ports, seen } = world({ recorded: false });
  t.deepEqual(await dispatchScan(ports, message, { isLast: false }), { kind: 'withdrawn' });
  t.deepEqual(seen.deleted, ['scan-scan-2']);
});

test('what is only away is tried again, however often that was', async (t) => {
  for (const isLast of [false, true]) {
    const { ports, seen } = world({ createError: unavailable('the cluster') });
    await t.throwsAsync(dispatchScan(ports, message, { isLast }), { code: 'unavailable' });
    t.deepEqual(seen.ends, []);
  }
});

test('an attempt that nobody could start for a day is ended with what kept it', async (t) => {
  const dispatchable = { ...scan, admittedAt: new Date(now.getTime() - 86_400_000) };
  const { ports, seen } = world({ dispatchable, createError: unavailable('the cluster') });
  t.deepEqual(await dispatchScan(ports, message, { isLast: false }), { kind: 'rejected', reason: 'internal' });
  t.like(seen.ends[0], {
    reason: 'internal',
    evidence: { condition: 'DispatchFailed', logTail: 'the cluster is not available; try again' },
  });
});

test('a quota has its tries, then it is the reason', async (t) => {
  const createError = new DomainError('resource_exhausted', 'the namespace has no room for another Job');
  const early = world({ createError });
  await t.throwsAsync(dispatchScan(early.ports, message, { isLast: false }));
  t.deepEqual(early.seen.ends, []);
  const last = world({ createError });
  await t.throwsAsync(dispatchScan(last.ports, message, { isLast: true }));
  t.like(last.seen.ends[0], {
    reason: 'quota',
    evidence: { condition: 'DispatchFailed', logTail: 'the namespace has no room for another Job' },
  });
});

test('what no later try can mend ends the attempt at once', async (t) => {
  const { ports, seen } = world({ createError: new DomainError('permission_denied', 'Jobs may not be made here') });
  t.deepEqual(await dispatchScan(ports, message, { isLast: false }), { kind: 'rejected', reason: 'internal' });
  t.like(seen.ends[0], {
    ...{
      scanId: 'scan',
      attempt: 2,
      reason: 'internal',
      message: 'the runner could not be started',
      maxAttempts: 2,
      actor: 'dispatcher',
      at: now,
    },
    evidence: { condition: 'DispatchFailed', logTail: 'Jobs may not be made here' },
  });
});

test('an error of unknown meaning has its tries, then it is internal, told by its name and code only', async (t) => {
  const createError = Object.assign(new Error('connect to 10.0.0.1 with password x'), { code: 'EPROTO' });
  const early = world({ createError });
  await t.throwsAsync(dispatchScan(early.ports, message, { isLast: false }), { is: createError });
  t.deepEqual(early.seen.ends, []);
  const last = world({ createError });
  await t.throwsAsync(dispatchScan(last.ports, message, { isLast: true }), { is: createError });
  t.like(last.seen.ends[0], { reason: 'internal', evidence: { condition: 'DispatchFailed', logTail: 'Error EPROTO' } });
});

const stop = { scanId: 'scan', attempt: 2, jobName: 'scan-scan-2' };

test('a Job is stopped when its scan is gone, has ended, or is at another attempt, and else kept', async (t) => {
  const cases = [
    [null, true],
    [{ ...scan, status: 'cancelled' as const }, true],
    [{ ...scan, attempt: 3 }, true],
    [scan, false],
  ] as const;
  for (const [current, isStopped] of cases) {
    const { ports, seen } = world({ current });
    t.is(await stopJob(ports, stop), isStopped);
    t.deepEqual(seen.deleted, isStopped ? ['scan-scan-2'] : []);
  }
});
