import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { FindingDraft } from '@cloudscan/domain';
import { identifyProcess, isRunning } from '@cloudscan/process';
import { builtinScanner } from '../src/builtin/builtin-scanner.ts';
import type { Scanner } from '../src/scanner.ts';
import type { Behaviour } from './support/misbehaving-scanner.ts';
import { scanContext } from './support/scan-context.ts';

function scannerThat(behaviour: Behaviour, memoryLimitMb = 128): Scanner {
  return builtinScanner({
    name: 'cloudscan-test',
    scanType: 'sast',
    module: '../tests/support/misbehaving-scanner',
    options: behaviour,
    env: { GIVEN: 'yes' },
    memoryLimitMb,
  });
}

test('gives each finding once, completed with type, tool and version, and then its outcome', async (t) => {
  const { context, findings, progress } = await scanContext(t);
  const outcome = await scannerThat({ kind: 'findings', count: 2000 }).scan(context);
  t.like(outcome, { status: 'succeeded', exitCode: 0, findingsCount: 2000, errorMessage: '' });
  t.is(findings.length, 2000);
  t.like(findings[1999], {
    title: 't1999',
    scanType: 'sast',
    toolName: 'cloudscan-test',
    startLine: 3,
    endLine: 3,
    cveId: '',
    cvssScore: 0,
  });
  t.regex(findings[0]!.toolVersion, /^\d+\.\d+\.\d+$/);
  t.true(progress.every((fraction) => fraction >= 0 && fraction <= 1));
});

test('delivers findings one at a time', async (t) => {
  let running = 0;
  let most = 0;
  const onFinding = async (): Promise<void> => {
    most = Math.max(most, (running += 1));
    await new Promise(setImmediate);
    running -= 1;
  };
  const { context } = await scanContext(t, { onFinding });
  await scannerThat({ kind: 'findings', count: 50 }).scan(context);
  t.is(most, 1);
});

test('probe tells the package version and the version of the rules', async (t) => {
  t.like(await scannerThat({ kind: 'findings' }).probe(), { rulesVersion: 'rules-of-findings' });
});

test('probe says why a module cannot be loaded', async (t) => {
  const probed = await builtinScanner({ name: 'gone', scanType: 'sca', module: 'no/such/module' }).probe();
  t.regex('problem' in probed ? probed.problem : '', /^gone failed with exit code 1: .*Cannot find module [^\n]*$/);
});

test('a source with nothing to read is skipped, not failed', async (t) => {
  const { context } = await scanContext(t);
  t.like(await scannerThat({ kind: 'skip' }).scan(context), { status: 'skipped', exitCode: 0, errorMessage: 'no lock file found' });
});

test("a failure keeps the findings before it and the tool's own sentence", async (t) => {
  const { context, findings } = await scanContext(t);
  const outcome = await scannerThat({ kind: 'fail' }).scan(context);
  t.like(outcome, {
    status: 'failed',
    exitCode: 1,
    findingsCount: 1,
    errorMessage: 'the advisory source is not reachable; set ADVISORY_PATH',
  });
  t.is(findings.length, 1);
});

test('an error of the tool is a failure with its message', async (t) => {
  const { context } = await scanContext(t);
  t.like(await scannerThat({ kind: 'throw' }).scan(context), { status: 'failed', exitCode: 1, errorMessage: 'x is not a function' });
});

test('the time limit ends the tool and says so', async (t) => {
  const { context } = await scanContext(t, { timeoutMs: 1500 });
  const outcome = await scannerThat({ kind: 'hang' }).scan(context);
  t.is(outcome.status, 'timed_out');
  t.is(outcome.exitCode, -1);
  t.regex(outcome.errorMessage, /time limit of 2 s/);
});

test('an abort ends the tool and leaves no process', async (t) => {
  const controller = new AbortController();
  let pid = 0;
  const onFinding = async ({ title }: FindingDraft): Promise<void> => {
    pid = Number(title);
    controller.abort();
  };
  const { context } = await scanContext(t, { signal: controller.signal, onFinding });
  const outcome = await scannerThat({ kind: 'hang' }).scan(context);
  t.is(outcome.status, 'failed');
  t.regex(outcome.errorMessage, /cancelled/);
  t.is(identifyProcess(pid), null);
});

test('a full heap is told apart from a crash', async (t) => {
  const { context } = await scanContext(t);
  const outcome = await scannerThat({ kind: 'fill_heap' }, 32).scan(context);
  t.is(outcome.status, 'out_of_memory');
  t.regex(outcome.errorMessage, /ran out of its 32 MiB of memory/);
  t.regex(outcome.evidence, /heap out of memory/);
});

test('memory outside of the JavaScript heap counts too', async (t) => {
  const { context } = await scanContext(t);
  const outcome = await scannerThat({ kind: 'fill_native_memory' }, 32).scan(context);
  t.is(outcome.status, 'out_of_memory');
  t.regex(outcome.errorMessage, /ran out of its 544 MiB of memory/);
});

test('a scanner ends when its parent is killed, even in the midst of a loop that never yields', async (t) => {
  const starter = spawn(process.execPath, [
    '--conditions=@cloudscan/source',
    fileURLToPath(new URL('./support/start-spinning.ts', import.meta.url)),
  ]);
  t.teardown(() => starter.kill('SIGKILL'));
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const scanner = identifyProcess(Number(line.toString()));
  t.truthy(scanner);
  starter.kill('SIGKILL');
  await eventually(() => !isRunning(scanner!));
  t.false(isRunning(scanner!));
});

async function eventually(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries += 1) await setTimeout(50);
}

test('SIGKILL from outside is reported as a likely lack of memory', async (t) => {
  const { context } = await scanContext(t);
  const outcome = await scannerThat({ kind: 'kill_itself' }).scan(context);
  t.like(outcome, { status: 'killed', exitCode: -1 });
  t.regex(outcome.errorMessage, /SIGKILL/);
});

for (const [kind, message] of [
  ['write_garbage', /not JSON/],
  ['write_endless_line', /a line above 1048576 bytes/],
  ['wrong_field', /severity is not one of/],
  ['exit_early', /without a complete result/],
] as const) {
  test(`breaking the protocol is a failure of the tool: ${kind}`, async (t) => {
    const { context } = await scanContext(t);
    const outcome = await scannerThat({ kind }).scan(context);
    t.is(outcome.status, 'failed');
    t.regex(outcome.errorMessage, message);
  });
}

test('what the consumer throws stops the tool and is thrown on', async (t) => {
  const full = new Error('disk full');
  const { context } = await scanContext(t, { onFinding: () => Promise.reject(full) });
  const error = await t.throwsAsync(scannerThat({ kind: 'hang' }).scan(context));
  t.is(error, full);
});

test('the child sees no environment but the given one, no arguments, and may print without harm', async (t) => {
  const { context, findings } = await scanContext(t);
  const outcome = await scannerThat({ kind: 'print', secret: 'hidden' }).scan(context);
  t.is(outcome.status, 'succeeded');
  const seen = JSON.parse(findings[0]!.title) as { env: object; arguments: string[]; cwd: string; workDir: string };
  t.deepEqual(seen.env, { GIVEN: 'yes', TMPDIR: context.workDir });
  t.deepEqual(seen.arguments, []);
  t.is(seen.cwd, seen.workDir);
});
