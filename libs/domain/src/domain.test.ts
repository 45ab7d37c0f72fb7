import test from 'ava';
import { DomainError, invalidArguments } from './errors.ts';
import { failureReasons, isRetryable } from './failure.ts';
import { isImported, jobNameOf, parseJobName } from './scan.ts';
import { canTransition, firstStatuses, isTerminal, scanStatuses, statesBefore } from './scan-status.ts';
import { countBySeverity, isAtLeast, severities, severityOfCvss, totalOf } from './severity.ts';

test('the state machine is exactly the documented one', (t) => {
  const edges = scanStatuses.flatMap((from) => scanStatuses.filter((to) => canTransition(from, to)).map((to) => `${from}>${to}`));
  t.deepEqual(edges.sort(), [
    'pending>cancelled',
    'pending>failed',
    'pending>queued',
    'queued>cancelled',
    'queued>failed',
    'queued>queued',
    'queued>running',
    'running>cancelled',
    'running>completed',
    'running>failed',
    'running>queued',
  ]);
  t.deepEqual(scanStatuses.filter(isTerminal), ['completed', 'failed', 'cancelled']);
  t.deepEqual(firstStatuses, ['pending', 'queued', 'completed', 'failed']);
  t.deepEqual(statesBefore('cancelled'), ['pending', 'queued', 'running']);
});

test('every state can reach an end', (t) => {
  const reachesEnd = (from: (typeof scanStatuses)[number], seen: readonly string[] = []): boolean =>
    isTerminal(from) || scanStatuses.some((to) => canTransition(from, to) && !seen.includes(to) && reachesEnd(to, [...seen, from]));
  for (const status of scanStatuses) t.true(reachesEnd(status), status);
});

test('only failures of the infrastructure are tried again', (t) => {
  t.deepEqual(failureReasons.filter(isRetryable), ['evicted', 'preempted', 'image_pull', 'unschedulable', 'runner_lost', 'internal']);
});

test('what has a result and never waited was imported', (t) => {
  t.true(isImported({ acceptedRunId: 'run', queuedAt: null }));
  t.false(isImported({ acceptedRunId: 'run', queuedAt: new Date() }));
  t.false(isImported({ acceptedRunId: null, queuedAt: null }));
});

test('a job name tells its scan and attempt, and nothing else is a job name', (t) => {
  const scanId = '0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11';
  t.deepEqual(parseJobName(jobNameOf(scanId, 12)), { scanId, attempt: 12 });
  for (const name of ['', 'scan-x-1', `scan-${scanId}-0`, `scan-${scanId}-01`, `scan-${scanId}`, `scan-${scanId}-1;rm`])
    t.is(parseJobName(name), null, name);
});

test('CVSS bands have their bounds in the right severity', (t) => {
  t.deepEqual([0, 0.1, 3.9, 4, 6.9, 7, 8.9, 9, 10].map(severityOfCvss), [
    'info',
    'low',
    'low',
    'medium',
    'medium',
    'high',
    'high',
    'critical',
    'critical',
  ]);
});

test('counts findings by severity', (t) => {
  const counts = countBySeverity([{ severity: 'high' }, { severity: 'low' }, { severity: 'high' }]);
  t.deepEqual(counts, { critical: 0, high: 2, medium: 0, low: 1, info: 0 });
  t.is(totalOf(counts), 3);
  t.deepEqual(
    severities.filter((severity) => isAtLeast(severity, 'medium')),
    ['critical', 'high', 'medium'],
  );
});

test('an invalid argument names every field', (t) => {
  const error = invalidArguments([
    { field: 'project_id', description: 'is empty' },
    { field: 'scan_types[1]', description: 'is unknown' },
  ]);
  t.is(error.message, 'project_id: is empty; scan_types[1]: is unknown');
  t.is(error.retry, 'never');
  t.is(new DomainError('unavailable', 'down').retry, 'safe');
});
