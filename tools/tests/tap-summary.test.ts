import test from 'ava';
import { TapSummary } from '../tap-summary.ts';

function read(text: string): { readonly summary: TapSummary; readonly shown: readonly string[] } {
  const summary = new TapSummary();
  const shown = text.split('\n').flatMap((line) => summary.read(line) ?? []);
  return { summary, shown };
}

const run = `TAP version 13
# before hook
ok 1 - cache › keeps what it was given # SKIP
ok 2 - reads 100 # of them
not ok 3 - adds up
#   a note
  ---
    name: AssertionError
  ...

1..3
# tests 3
# pass 1
# skip 1
# fail 2
`;

test('counts what the totals of the stream say, with tests that never ended among the failed', (t) => {
  t.deepEqual(read(run).summary.counts, { passed: 1, failed: 2, skipped: 1 });
});

test('names what was skipped and what failed', (t) => {
  const { summary } = read(run);
  t.deepEqual(summary.skipped, ['cache › keeps what it was given']);
  t.deepEqual(summary.failed, ['adds up']);
});

test('shows results, notes and evidence, and leaves out the frame', (t) => {
  t.deepEqual(read(run).shown, [
    '  - cache › keeps what it was given',
    '  ✔ reads 100 # of them',
    '  ✘ adds up',
    '#   a note',
    '  ---',
    '    name: AssertionError',
    '  ...',
  ]);
});

test('counts a failure when the stream breaks off', (t) => {
  t.deepEqual(read('TAP version 13\nok 1 - a\n').summary.counts, { passed: 1, failed: 1, skipped: 0 });
});
