import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TapSummary } from './tap-summary.ts';
import type { Totals } from './tap-summary.ts';
import { isSameTest, testFilesOf } from './test-titles.ts';
import { startTestServer } from './test-server.ts';

/**
 * Runs all tests, or those of the files given, against one PostgreSQL: that of TEST_DATABASE_URL, or one that lives as long
 * as the run, of the version in the folder TEST_POSTGRES_BIN or the embedded one. Files that failed beside others are run once
 * more, alone: a test of real processes may time out on a machine that is busy. The last line of the output holds the totals.
 */
const root = join(import.meta.dirname, '..');
/** Tests start what every system has, such as a shell, whatever the user's PATH is. */
const systemPath = '/usr/local/bin:/usr/bin:/bin';
/** Of a run with failures, so many files at most are run once more, alone: more than that is no matter of a busy machine. */
const mostFilesAgain = 5;
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.js');

interface Run {
  readonly summary: TapSummary;
  readonly exitCode: number | null;
}

async function runTests(databaseUrl: string): Promise<number> {
  const all = await runAva(databaseUrl, process.argv.slice(2));
  const { passed, failed, skipped } = all.summary.counts;
  const files = testFilesOf(all.summary.failed, root);
  if (all.exitCode === 0 || files.length === 0 || files.length > mostFilesAgain) {
    // An exit code of its own tells of what no single test owns, such as no test at all.
    return report(all.summary, { passed, skipped, failed: all.exitCode === 0 ? failed : Math.max(failed, 1) }, []);
  }
  process.stdout.write(`\nOnce more, alone: ${files.join(', ')}\n`);
  const again = await runAva(databaseUrl, ['--serial', '--concurrency', '1', ...files]);
  const ended = again.exitCode === 0 || again.summary.failed.length > 0;
  const fails = (title: string): boolean =>
    testFilesOf([title], root).length === 0 || again.summary.failed.some((shown) => isSameTest(title, shown));
  const unsteady = ended ? all.summary.failed.filter((title) => !fails(title)) : [];
  const totals = { passed: passed + unsteady.length, skipped, failed: Math.max(failed - unsteady.length, again.summary.failed.length) };
  return report(all.summary, totals, unsteady);
}

async function runAva(databaseUrl: string, args: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, [ava, '--tap', ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${systemPath}`, TEST_DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stopForwarding = forwardSignals(child);
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const summary = new TapSummary();
  for await (const line of createInterface({ input: child.stdout })) {
    const shown = summary.read(line);
    if (shown !== null) process.stdout.write(`${shown}\n`);
  }
  const [exitCode] = await exit;
  stopForwarding();
  return { summary, exitCode };
}

/** Answers the exit code. */
function report(summary: TapSummary, totals: Totals, unsteady: readonly string[]): number {
  const { passed, failed, skipped } = totals;
  if (passed + skipped + summary.failed.length === 0) process.stdout.write('\nNo test ran.\n');
  printList('Failed beside the others, passed alone', unsteady);
  printList(
    'Failed',
    summary.failed.filter((title) => !unsteady.includes(title)),
  );
  printList('Skipped', summary.skipped);
  process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return failed === 0 ? 0 : 1;
}

function printList(heading: string, titles: readonly string[]): void {
  if (titles.length > 0) process.stdout.write(`\n${heading}:\n${titles.map((title) => `  ${title}`).join('\n')}\n`);
}

/** The run ends by itself once ava has, so that PostgreSQL is stopped in every case. */
function forwardSignals(child: ChildProcess): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  return () => signals.forEach((signal) => process.off(signal, forward));
}

const given = process.env['TEST_DATABASE_URL'];
await using server = given ? null : await startTestServer(process.env['TEST_POSTGRES_BIN']);
process.exitCode = await runTests(given || server!.url);
