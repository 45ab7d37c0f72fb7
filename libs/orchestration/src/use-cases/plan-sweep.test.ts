import test from 'ava';
import { jobNameOf } from '@cloudscan/domain';
import type { JobStatus } from '../ports/job-dispatcher.ts';
import type { ActiveScan } from '../ports/scan-repository.ts';
import { planSweep } from './plan-sweep.ts';

const policy = { dispatchGraceMs: 15_000, endGraceMs: 3000, deadlineMs: 3_600_000, waitLimitMs: 7_200_000, blockageGraceMs: () => 120_000 };
const now = new Date('2026-01-15T12:00:00Z');
const scanId = '01890000-0000-7000-8000-000000000001';

function aScan(overrides: Partial<ActiveScan> = {}): ActiveScan {
  const at = { admittedAt: now, startedAt: null, updatedAt: now };
  return { id: scanId, organizationId: 'organization', attempt: 1, status: 'queued', jobName: null, ...at, ...overrides };
}

function aJob(overrides: Partial<JobStatus> = {}): JobStatus {
  const attempt = overrides.attempt ?? 1;
  return {
    ...{ jobName: jobNameOf(scanId, attempt), namespace: 'local', scanId, organizationId: 'organization', attempt, phase: 'running' },
    ...{ blockage: null, reason: null, evidence: null, createdAt: now, startedAt: now, endedAt: null },
    ...overrides,
  };
}

function plan(scans: readonly ActiveScan[], jobs: readonly JobStatus[], at: Date = now) {
  const byName = new Map(jobs.map((job) => [job.jobName, job]));
  return planSweep(scans, byName, at, policy).map(({ kind, jobName, graceMs }) => ({ kind, jobName, graceMs }));
}

test('a scan with its Job fits, whether that waits or runs', (t) => {
  t.deepEqual(plan([aScan()], [aJob({ phase: 'pending', startedAt: null })]), []);
  t.deepEqual(plan([aScan({ status: 'running' })], [aJob()]), []);
});

test('a queued scan without a Job was not dispatched, a running one has lost it', (t) => {
  t.deepEqual(plan([aScan()], []), [{ kind: 'undispatched', jobName: `scan-${scanId}-1`, graceMs: 15_000 }]);
  t.deepEqual(plan([aScan({ status: 'running' })], []), [{ kind: 'lost', jobName: `scan-${scanId}-1`, graceMs: 15_000 }]);
});

test('a queued scan that is without a Job outlasts an outage of hours, and cannot be dispatched after more than a day', (t) => {
  const hourMs = 3_600_000;
  t.is(plan([aScan({ admittedAt: new Date(now.getTime() - 20 * hourMs) })], [])[0]?.kind, 'undispatched');
  const admittedAt = new Date(now.getTime() - 26 * hourMs);
  t.deepEqual(plan([aScan({ admittedAt })], []), [{ kind: 'undispatchable', jobName: `scan-${scanId}-1`, graceMs: 15_000 }]);
  t.is(plan([aScan({ admittedAt, status: 'running' })], [])[0]?.kind, 'lost');
});

test('a waiting scan needs no Job, and keeps one that is there', (t) => {
  const waiting = aScan({ admittedAt: null });
  t.deepEqual(plan([waiting], []), []);
  t.deepEqual(plan([waiting], [aJob()]), []);
});

test('a Job that failed has no grace, one that succeeded waits for the report of its runner', (t) => {
  const ended = { kind: 'ended', jobName: `scan-${scanId}-1` };
  t.deepEqual(plan([aScan({ status: 'running' })], [aJob({ phase: 'failed' })]), [{ ...ended, graceMs: 0 }]);
  t.deepEqual(plan([aScan({ status: 'running' })], [aJob({ phase: 'succeeded' })]), [{ ...ended, graceMs: 3000 }]);
});

test('a Job that cannot start is blocked, until it is overdue', (t) => {
  const blockage = { reason: 'image_pull', condition: 'ImagePullBackOff', message: '' } as const;
  const job = aJob({ phase: 'pending', startedAt: null, blockage });
  t.deepEqual(plan([aScan()], [job]), [{ kind: 'blocked', jobName: job.jobName, graceMs: 120_000 }]);
  const later = new Date(now.getTime() + policy.waitLimitMs + 1);
  t.deepEqual(plan([aScan()], [job], later), [{ kind: 'overdue', jobName: job.jobName, graceMs: 0 }]);
});

test('a Job that runs is overdue after its deadline, one that waits after its own limit', (t) => {
  const overdue = [{ kind: 'overdue', jobName: `scan-${scanId}-1`, graceMs: 0 }];
  const after = (ms: number) => new Date(now.getTime() + ms);
  const waiting = aJob({ phase: 'pending', startedAt: null });
  t.deepEqual(plan([aScan()], [aJob()], after(policy.deadlineMs)), []);
  t.deepEqual(plan([aScan()], [aJob()], after(policy.deadlineMs + 1)), overdue);
  t.deepEqual(plan([aScan()], [waiting], after(policy.waitLimitMs)), []);
  t.deepEqual(plan([aScan()], [waiting], after(policy.waitLimitMs + 1)), overdue);
  t.deepEqual(plan([aScan()], [aJob({ startedAt: after(1) })], after(policy.deadlineMs + 1)), []);
});

test('a Job of an earlier attempt, or of no scan, is a stray: at once when it has ended, after a grace when it runs', (t) => {
  t.deepEqual(plan([aScan({ attempt: 2 })], [aJob({ phase: 'failed' }), aJob({ attempt: 2 })]), [
    { kind: 'stray', jobName: `scan-${scanId}-1`, graceMs: 0 },
  ]);
  t.deepEqual(plan([], [aJob()]), [{ kind: 'stray', jobName: `scan-${scanId}-1`, graceMs: 3000 }]);
});
