import type { ToolRun, ToolStatus } from '@cloudscan/domain';
import test from 'ava';
import { failureOf } from './complete-scan.ts';

function aToolRun(status: ToolStatus, errorMessage = ''): ToolRun {
  const run = {
    name: 'semgrep',
    version: '1.0.0',
    scanType: 'sast',
    durationMs: 1,
    findingsCount: 0,
    exitCode: 0,
    rulesVersion: '',
    evidence: '',
  } as const;
  return { ...run, status, errorMessage };
}

const cases: readonly [statuses: readonly ToolStatus[], complete: boolean, fail: boolean][] = [
  [['succeeded'], false, false],
  [['skipped'], false, false],
  [['succeeded', 'skipped'], false, false],
  [['failed'], true, true],
  [['timed_out'], true, true],
  [['failed', 'skipped'], true, true],
  [['failed', 'succeeded'], false, true],
  [['timed_out', 'succeeded', 'skipped'], false, true],
];

for (const [statuses, complete, fail] of cases) {
  test(`tools that ${statuses.join(', ')}: ${complete ? 'failed' : 'completed'}, strictly ${fail ? 'failed' : 'completed'}`, (t) => {
    const tools = statuses.map((status) => aToolRun(status));
    t.is(failureOf(tools, 'complete') !== null, complete);
    t.is(failureOf(tools, 'fail') !== null, fail);
  });
}

test('a message of many failures is cut to what a scan holds', (t) => {
  const tools = Array.from({ length: 50 }, () => aToolRun('failed', 'x'.repeat(2000)));
  t.is(failureOf(tools, 'complete')?.message.length, 4000);
});
