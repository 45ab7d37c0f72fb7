import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TapSummary } from './tap-summary.ts';

/**
 * Runs the conformance suite of object stores and prints a table: its cases, and how each backend did. A backend whose server is
 * not on PATH (nor in reach of Docker) is shown as skipped.
 */
const root = join(import.meta.dirname, '..');
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.js');

interface Backend {
  /** As the titles of its tests begin. */
  readonly name: string;
  readonly file: string;
  /** Against what it runs. */
  readonly server: string;
}

const backends: readonly Backend[] = [
  { name: 'filesystem', file: 'filesystem', server: 'its own HTTP edge' },
  { name: 'S3', file: 's3', server: versionOf('minio', ['--version']) },
  { name: 'GCS', file: 'gcs', server: `${versionOf('fake-gcs-server', ['-help'])} behind a front that checks signatures` },
  { name: 'Azure', file: 'azure', server: `Azurite ${versionOf('azurite-blob', ['--version'])}` },
];

const marks: Readonly<Record<string, string>> = { '✔': 'passed', '✘': 'FAILED', '-': 'skipped' };

/** The first line of what it says of its version; its name where it says nothing. */
function versionOf(program: string, args: readonly string[]): string {
  const { error, status, stdout } = spawnSync(program, [...args], { encoding: 'utf8' });
  if (error !== undefined) return `${program}, which is not on PATH`;
  return (status === 0 && stdout.split('\n')[0]!.trim()) || program;
}

async function runSuites(): Promise<{ readonly results: ReadonlyMap<string, ReadonlyMap<string, string>>; readonly exitCode: number }> {
  const files = backends.map(({ file }) => `libs/object-store/tests/${file}.test.ts`);
  const child = spawn(process.execPath, [ava, '--tap', ...files], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const summary = new TapSummary();
  const results = new Map<string, Map<string, string>>();
  for await (const line of createInterface({ input: child.stdout })) {
    const shown = summary.read(line);
    const result = /^ {2}([✔✘-]) .* › (\w+): (.*?)(?: \[[^\]]*\])?$/.exec(shown ?? '');
    if (result === null) continue;
    const [, mark, backend, title] = result as unknown as readonly [string, string, string, string];
    if (!results.has(title)) results.set(title, new Map());
    results.get(title)!.set(backend, marks[mark]!);
  }
  const [exitCode] = await exit;
  return { results, exitCode: exitCode ?? 1 };
}

const { results, exitCode } = await runSuites();
const shared = [...results].filter(([, ofCase]) => ofCase.size === backends.length);
process.stdout.write(`${backends.map(({ name, server }) => `${name}: ${server}`).join('\n')}\n\n`);
process.stdout.write(`| case | ${backends.map(({ name }) => name).join(' | ')} |\n|---|${'---|'.repeat(backends.length)}\n`);
for (const [title, ofCase] of shared) process.stdout.write(`| ${title} | ${backends.map(({ name }) => ofCase.get(name)).join(' | ')} |\n`);
process.stdout.write(
  `\n${shared.length} cases of ${backends.length} backends; ${results.size - shared.length} further cases of single backends\n`,
);
process.exitCode = exitCode;
