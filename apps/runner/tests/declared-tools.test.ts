import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scan as wire } from '@cloudscan/contracts';
import { sideCommand, signalGroup } from '@cloudscan/process';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Log } from 'sarif';
import { exitCodes } from '../src/exit-codes.ts';
import { tarGz } from './archives.ts';
import { FakeOrchestrator } from './fake-orchestrator.ts';
import { given, startRunner } from './runner-process.ts';

/** A tool of a few lines: one result for each file below the folder that holds the word. */
const grep = `
printf '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"grep","version":"3.8","rules":[{"id":"word"}]}},"results":['
first=
for path in $(grep -rl flaw "$1" | sort); do
  printf '%s{"ruleId":"word","level":"error","message":{"text":"a flaw"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file://%s"},"region":{"startLine":1}}}]}' "$first" "$path"
  first=,
done
printf ']}]}'
echo "scanned $1" >&2
`;

interface Tool {
  readonly name: string;
  readonly type?: string;
  readonly script: string;
  readonly image?: string;
}

const declaredAs = ({ name, type = 'sast', script, image }: Tool) => ({
  name,
  type,
  command: ['sh', '-c', script, name],
  args: ['{source}'],
  image,
});

async function folders(t: ExecutionContext) {
  const root = await mkdtemp(join(tmpdir(), 'cloudscan-declared-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const [shared, tools] = [join(root, 'shared'), join(root, 'tools')];
  for (const folder of [shared, tools]) await mkdir(folder);
  return { root, shared, tools };
}

/** The container of a tool, as a kubelet starts it: before the runner, and again when it ends. */
async function startContainer(t: ExecutionContext, folder: string, command: readonly string[]): Promise<void> {
  await mkdir(folder);
  const [shell = '', ...args] = sideCommand(folder, command);
  let isOver = false;
  let child = spawn(shell, args, { detached: true, stdio: 'ignore' });
  const ended = (async () => {
    while (!isOver) {
      await once(child, 'exit');
      signalGroup(child.pid, 'SIGKILL');
      if (!isOver) child = spawn(shell, args, { detached: true, stdio: 'ignore' });
    }
  })();
  t.teardown(async () => {
    isOver = true;
    signalGroup(child.pid, 'SIGKILL');
    await ended;
  });
}

async function scanWith(t: ExecutionContext, tools: readonly Tool[], env: Record<string, string> = {}) {
  const fake = await FakeOrchestrator.start(t);
  fake.source = await tarGz([
    { name: 'src/a.txt', content: 'a flaw' },
    { name: 'src/b.txt', content: 'nothing' },
  ]);
  const places = await folders(t);
  for (const tool of tools.filter(({ image }) => image !== undefined)) {
    const { command, args } = declaredAs(tool);
    const source = join(places.shared, 'source');
    await startContainer(t, join(places.tools, tool.name), [...command, ...args.map((arg) => arg.replace('{source}', source))]);
  }
  const { exit, output, root } = await startRunner(t, {
    ...given(fake),
    SCAN_TYPES: 'sast',
    DECLARED_SCANNERS: JSON.stringify(tools.map(declaredAs)),
    SOURCE_DIR: places.shared,
    TOOLS_DIR: places.tools,
    ...env,
  });
  const code = await exit;
  t.deepEqual(await readdir(root), [], 'nothing is left of the run');
  t.deepEqual(await readdir(places.shared), []);
  return { code, output: await output, fake, tools: fake.completions[0]?.tools ?? [] };
}

test('a declared tool runs beside the scanner of its type, and its results are findings', async (t) => {
  const { code, fake, tools, output } = await scanWith(t, [{ name: 'own-grep', script: grep }]);
  t.is(code, exitCodes.done, output);
  t.deepEqual(
    tools.map(({ name, status, findingsCount }) => [name, status, findingsCount]),
    [
      // It reads no text files.
      ['cloudscan-sast', wire.ToolStatus.TOOL_STATUS_SKIPPED, 0],
      ['own-grep', wire.ToolStatus.TOOL_STATUS_SUCCEEDED, 1],
    ],
  );
  t.like(fake.findings[0], { toolName: 'own-grep', ruleId: 'word', filePath: 'src/a.txt', lineNumber: 1 });
});

test('a declared tool in a container of its own scans what the runner has brought', async (t) => {
  const { code, fake, tools, output } = await scanWith(t, [{ name: 'boxed-grep', script: grep, image: 'registry.example/grep:3' }]);
  t.is(code, exitCodes.done, output);
  t.like(tools[1], { name: 'boxed-grep', status: wire.ToolStatus.TOOL_STATUS_SUCCEEDED, findingsCount: 1, exitCode: 0 });
  t.like(fake.findings[0], { toolName: 'boxed-grep', ruleId: 'word', filePath: 'src/a.txt' });
  const log = JSON.parse(fake.uploads[0]!.toString()) as Log;
  t.is(log.runs.length, 2);
});

test('one that is killed in its container, or fails, leaves the findings of the others', async (t) => {
  const image = 'registry.example/grep:3';
  const { code, fake, tools, output } = await scanWith(t, [
    { name: 'killed', script: 'kill -KILL $$', image },
    { name: 'failing', script: 'echo "no licence key" >&2; exit 9', image },
    { name: 'boxed-grep', script: grep, image },
  ]);
  t.is(code, exitCodes.done, output);
  t.deepEqual(
    tools.slice(1).map(({ name, status }) => [name, status]),
    [
      ['killed', wire.ToolStatus.TOOL_STATUS_KILLED],
      ['failing', wire.ToolStatus.TOOL_STATUS_FAILED],
      ['boxed-grep', wire.ToolStatus.TOOL_STATUS_SUCCEEDED],
    ],
  );
  t.like(tools[2], { exitCode: 9, evidence: 'no licence key' });
  t.is(fake.findings.length, 1);
});

test('one that takes too long in its container is stopped', async (t) => {
  const image = 'registry.example/grep:3';
  const { code, tools, output } = await scanWith(t, [{ name: 'slow', script: 'sleep 1000', image }], { TOOL_TIMEOUT: '5' });
  t.is(code, exitCodes.done, output);
  t.is(tools[1]!.status, wire.ToolStatus.TOOL_STATUS_TIMED_OUT);
});
