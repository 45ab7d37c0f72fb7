import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { FindingDraft } from '@cloudscan/domain';
import { identifyProcess, isRunning } from '@cloudscan/process';
import { eventually } from '@cloudscan/testing';
import { readLines } from '../src/builtin/ndjson.ts';
import { completeFinding } from '../src/builtin/protocol.ts';
import { runTool } from '../src/external/run-tool.ts';
import type { Deliver, ReportReader, ToolCall } from '../src/external/run-tool.ts';
import { scanContext } from './support/scan-context.ts';

const environment = { path: process.env.PATH!, network: { HTTPS_PROXY: 'http://proxy.example:3128' } };

/** A tool that is a few lines of JavaScript. */
function toolThat(script: string, overrides: Partial<ToolCall> = {}): ToolCall {
  return {
    name: 'fake',
    executable: process.execPath,
    args: ['-e', script],
    environment,
    network: false,
    memoryLimitMb: 512,
    memorySetting: 'FAKE_MEMORY_MB',
    exitCodes: { done: [0, 1], failures: { 7: 'was given rules that it cannot read; mend them' } },
    ...overrides,
  };
}

function finding(title: string): FindingDraft {
  const tool = { scanType: 'sast', toolName: 'fake', toolVersion: '1' } as const;
  return completeFinding({ ruleId: 'r', severity: 'low', title, description: '', filePath: 'a.js', fingerprint: '0' }, tool);
}

/** A finding for each line. */
const byLine: ReportReader = {
  stdout: async (stdout, deliver) => {
    for await (const line of readLines(stdout, 1000)) {
      if (!line.startsWith('finding')) throw new Error(`"${line}" is no finding`);
      await deliver(finding(line));
    }
  },
};

const fromFile = (workDir: string): ReportReader => ({
  files: async (deliver: Deliver) => {
    const report = await readFile(join(workDir, 'report.txt'), 'utf8');
    for (const line of report.trim().split('\n')) await deliver(finding(line));
  },
});

test('findings come from standard output while the tool runs, and an exit code that means findings is a success', async (t) => {
  const first = Promise.withResolvers<void>();
  const titles: string[] = [];
  const { context } = await scanContext(t, {
    onFinding: async ({ title }) => {
      titles.push(title);
      first.resolve();
    },
  });
  const tool = toolThat(`console.log('finding 1'); setTimeout(() => { console.log('finding 2'); process.exit(1); }, 300)`);
  const running = runTool(tool, context, byLine);
  await first.promise;
  t.deepEqual(titles, ['finding 1']);
  t.like(await running, { status: 'succeeded', exitCode: 1, findingsCount: 2, errorMessage: '', evidence: '' });
  t.deepEqual(titles, ['finding 1', 'finding 2']);
});

test('findings come from the file that the tool has left in its work folder', async (t) => {
  const { context, findings } = await scanContext(t);
  const outcome = await runTool(toolThat(`fs.writeFileSync('report.txt', 'a\\nb\\n')`), context, fromFile(context.workDir));
  t.like(outcome, { status: 'succeeded', findingsCount: 2 });
  t.deepEqual(
    findings.map(({ title }) => title),
    ['a', 'b'],
  );
});

test('a remark on a run that did its work becomes its message', async (t) => {
  const { context } = await scanContext(t);
  const outcome = await runTool(toolThat(''), context, { remark: () => '2 files could not be parsed' });
  t.like(outcome, { status: 'succeeded', errorMessage: '2 files could not be parsed' });
});

test('the tool sees its own folder, a path, a locale and what it was given; proxies only where it may use the network', async (t) => {
  const { context, findings } = await scanContext(t);
  const script = `console.log('finding ' + JSON.stringify({ ...process.env, cwd: process.cwd() }))`;
  const own = { PATH: environment.path, HOME: context.workDir, TMPDIR: context.workDir, LC_ALL: 'C.UTF-8', GOMEMLIMIT: '460MiB' };
  const seen = { ...own, GIVEN: 'yes', cwd: context.workDir };
  await runTool(toolThat(script, { variables: { GIVEN: 'yes' } }), context, byLine);
  t.deepEqual(JSON.parse(findings[0]!.title.slice(8)), seen);
  await runTool(toolThat(script, { network: true, variables: { GIVEN: 'yes' } }), context, byLine);
  t.deepEqual(JSON.parse(findings[1]!.title.slice(8)), { ...seen, ...environment.network });
});

test('an exit code in the table gets its sentence, any other its number, and both the last words of the tool', async (t) => {
  const { context } = await scanContext(t);
  const known = await runTool(toolThat(`console.error('line 3: bad indent'); process.exit(7)`), context, byLine);
  t.like(known, {
    status: 'failed',
    exitCode: 7,
    errorMessage: 'fake was given rules that it cannot read; mend them (exit code 7: line 3: bad indent)',
    evidence: 'line 3: bad indent',
  });
  const unknown = await runTool(toolThat(`process.exit(99)`), context, byLine);
  t.like(unknown, { status: 'failed', exitCode: 99, errorMessage: 'fake failed with exit code 99: it said nothing', evidence: '' });
});

test('what came before a crash is kept, and the crash is told with evidence that holds no secret', async (t) => {
  const { context, findings } = await scanContext(t);
  const secret = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_');
  const script = `console.log('finding 1'); console.error('x'.repeat(9000)); console.error('token ${secret}'); process.kill(process.pid, 'SIGSEGV'); setInterval(() => 0, 1000)`;
  const outcome = await runTool(toolThat(script), context, byLine);
  t.like(outcome, { status: 'failed', exitCode: -1, findingsCount: 1, errorMessage: 'fake was ended by SIGSEGV: token [redacted]' });
  t.is(findings.length, 1);
  t.is(Buffer.byteLength(outcome.evidence), 4096);
  t.true(outcome.evidence.endsWith('token [redacted]'));
});

test('garbage in the place of a report is a failure of the tool, which keeps its findings and may say why', async (t) => {
  const { context } = await scanContext(t);
  const garbage = await runTool(toolThat(`console.log('finding 1\\n<html>'); console.error('proxy error')`), context, byLine);
  t.like(garbage, {
    status: 'failed',
    exitCode: 0,
    findingsCount: 1,
    errorMessage: 'fake wrote a report that cannot be read: "<html>" is no finding',
    evidence: 'proxy error',
  });
  const explained = await runTool(toolThat(`console.log('Traceback'); console.error('out of disk'); process.exit(3)`), context, byLine);
  t.is(explained.errorMessage, 'fake failed with exit code 3: out of disk');
  const noFile = await runTool(toolThat(''), context, fromFile(context.workDir));
  t.regex(noFile.errorMessage, /^fake wrote a report that cannot be read: ENOENT/);
});

test('a tool whose endless output nobody can read is stopped', async (t) => {
  const { context } = await scanContext(t);
  const outcome = await runTool(toolThat(`setInterval(() => console.log('garbage'), 10)`), context, byLine);
  t.like(outcome, { status: 'failed', errorMessage: 'fake wrote a report that cannot be read: "garbage" is no finding' });
});

test('the time limit ends the tool and says so', async (t) => {
  const { context } = await scanContext(t, { timeoutMs: 1000 });
  const outcome = await runTool(toolThat(`console.log('finding 1'); setInterval(() => 0, 1000)`), context, byLine);
  t.like(outcome, { status: 'timed_out', exitCode: -1, findingsCount: 1 });
  t.regex(outcome.errorMessage, /^fake was stopped after its time limit of 1 s/);
});

for (const [words, script] of [
  ['SIGKILL', `process.kill(process.pid, 'SIGKILL')`],
  ['exit code 137 of a child that was killed', `process.exit(137)`],
  ['the word of a Semgrep whose engine was killed', `console.error('semgrep-core exited with -9!\\nrun again'); process.exit(2)`],
  ['the word of a shell whose command was killed', `console.error('Killed'); process.exit(2)`],
] as const) {
  test(`${words} from elsewhere is told as killed, most likely for memory`, async (t) => {
    const { context } = await scanContext(t);
    const outcome = await runTool(toolThat(script), context, byLine);
    t.is(outcome.status, 'killed');
    t.regex(outcome.errorMessage, /^fake was killed \(SIGKILL\), most likely because the machine or container ran out of memory/);
  });
}

for (const [runtime, words] of [
  ['Python', 'MemoryError'],
  ['Go', 'fatal error: runtime: out of memory'],
  ['OCaml', 'Fatal error: exception Out_of_memory'],
] as const) {
  test(`a failed allocation of ${runtime} is a lack of memory, not a crash`, async (t) => {
    const { context } = await scanContext(t);
    const outcome = await runTool(toolThat(`console.error('${words}'); process.exit(2)`), context, byLine);
    t.like(outcome, {
      status: 'out_of_memory',
      exitCode: 2,
      errorMessage: 'fake ran out of its 512 MiB of memory; raise FAKE_MEMORY_MB or leave large files out',
    });
  });
}

test('SIGABRT without such words is a crash', async (t) => {
  const { context } = await scanContext(t);
  const outcome = await runTool(toolThat(`process.abort()`), context, byLine);
  t.is(outcome.status, 'failed');
  t.regex(outcome.errorMessage, /^fake crashed \(SIGABRT\)/);
});

const hoard = `const hoard = []; setInterval(() => hoard.push(Buffer.alloc(16 * 2 ** 20, 1)), 5)`;

test('memory is limited for the whole group: a grandchild that takes it ends the tool', async (t) => {
  const { context } = await scanContext(t);
  const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(hoard)}], { stdio: 'inherit' }); setInterval(() => 0, 1000)`;
  const outcome = await runTool(toolThat(script, { memoryLimitMb: 256 }), context, byLine);
  t.like(outcome, { status: 'out_of_memory', exitCode: -1 });
  t.regex(outcome.errorMessage, /^fake ran out of its 256 MiB of memory; raise FAKE_MEMORY_MB/);
});

const withGrandchild = `
  const child = require('node:child_process').spawn(process.execPath, ['-e', "process.on('SIGTERM', () => 0); console.log('finding ' + process.pid); setInterval(() => 0, 1000)"], { stdio: 'inherit' });
  setInterval(() => 0, 1000);`;

test('a cancelled scan leaves no process of the group, not even a grandchild that ignores SIGTERM', async (t) => {
  const controller = new AbortController();
  let grandchild = 0;
  const { context } = await scanContext(t, {
    signal: controller.signal,
    onFinding: async ({ title }) => {
      grandchild = Number(title.slice(8));
      controller.abort();
    },
  });
  const outcome = await runTool(toolThat(withGrandchild), context, byLine);
  t.like(outcome, { status: 'failed', errorMessage: 'fake was stopped because the scan was cancelled' });
  await eventually(() => identifyProcess(grandchild) === null);
  t.is(identifyProcess(grandchild), null);
});

test('a tool ends when the process that started it is killed', async (t) => {
  const starter = spawn(process.execPath, [
    '--conditions=@cloudscan/source',
    fileURLToPath(new URL('./support/start-hanging-tool.ts', import.meta.url)),
  ]);
  t.teardown(() => starter.kill('SIGKILL'));
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const tool = identifyProcess(Number(line.toString()))!;
  t.true(isRunning(tool));
  starter.kill('SIGKILL');
  await eventually(() => !isRunning(tool));
  t.false(isRunning(tool));
});

test('what the consumer throws stops the tool and is thrown on', async (t) => {
  const full = new Error('disk full');
  const { context } = await scanContext(t, { onFinding: () => Promise.reject(full) });
  const error = await t.throwsAsync(runTool(toolThat(`console.log('finding 1'); setInterval(() => 0, 1000)`), context, byLine));
  t.is(error, full);
});

test('a program that is not there is a failed run', async (t) => {
  const { context } = await scanContext(t);
  const outcome = await runTool(toolThat('', { executable: '/nowhere/fake' }), context, byLine);
  t.like(outcome, { status: 'failed', exitCode: -1 });
  t.regex(outcome.errorMessage, /^fake could not be started: .*ENOENT/);
});
