import type { ToolStatus } from '@cloudscan/domain';
import { aToolRun } from '@cloudscan/testing';
import test from 'ava';
import { failureOf } from './complete-scan.ts';

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
    const tools = statuses.map((status) => aToolRun({ status }));
    t.is(failureOf(tools, 'complete') !== null, complete);
    t.is(failureOf(tools, 'fail') !== null, fail);
  });
}

test('a message of many failures is cut to what a scan holds', (t) => {
  const tools = Array.from({ length: 50 }, () => aToolRun({ status: 'failed', errorMessage: 'x'.repeat(2000) }));
  t.is(failureOf(tools, 'complete')?.message.length, 4000);
});
