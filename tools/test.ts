import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TapSummary } from './tap-summary.ts';
import { startTestServer } from './test-server.ts';

/**
 * Runs all tests, or those of the files given, against one PostgreSQL: that of TEST_DATABASE_URL, or one that lives as long
 * as the run, of the version in the folder TEST_POSTGRES_BIN or the embedded one. The last line of the output holds the totals.
 */
const root = join(import.meta.dirname, '..');
/** Tests start what every system has, such as a shell, whatever the user's PATH is. */
const systemPath = '/usr/local/bin:/usr/bin:/bin';
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.js');

async function runTests(databaseUrl: string): Promise<number> {
  const child = spawn(process.execPath, [ava, '--tap', ...process.argv.slice(2)], {
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
  printSummary(summary, exitCode);
  return exitCode ?? 1;
}

function printSummary(summary: TapSummary, exitCode: number | null): void {
  const { passed, skipped } = summary.counts;
  // An exit code of its own tells of what no single test owns, such as no test at all.
  const failed = exitCode === 0 ? summary.counts.failed : Math.max(summary.counts.failed, 1);
  if (passed + skipped + summary.failed.length === 0) process.stdout.write('\nNo test ran.\n');
  printList('Failed', summary.failed);
  printList('Skipped', summary.skipped);
  process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
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
