import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeclaredScanner } from '@cloudscan/config';
import { sideCommand, signalGroup } from '@cloudscan/process';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { containedScanner } from '../src/contained/contained-scanner.ts';
import type { ContainedScanner } from '../src/contained/contained-scanner.ts';
import { findExecutable } from '../src/external/external-scanner.ts';
import { runTool } from '../src/external/run-tool.ts';
import type { ScanContext, Scanner, ScannerOutcome } from '../src/scanner.ts';

const declared: ContainedScanner = {
  name: 'checker',
  type: 'sast',
  command: ['checker'],
  args: ['{source}'],
  image: 'registry.example/checker:3',
  exitCodes: { findings: [2] },
  timeoutSeconds: null,
  memoryMb: 256,
  versionArgs: ['--version'],
};

interface Place {
  readonly root: string;
  readonly path: string;
  /** What the tools have written. */
  readonly outputs: string[];
  readonly scanner: (tool?: Partial<ContainedScanner>, toolsDir?: string | null) => Scanner;
  readonly scan: (scanner: Scanner, override?: Partial<ScanContext>) => Promise<ScannerOutcome>;
}

async function place(t: ExecutionContext): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'cloudscan-contained-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  for (const folder of ['bin', 'source', 'work', 'tools/checker']) await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, 'source', 'a.txt'), 'flaw');
  const path = `${join(root, 'bin')}:${process.env.PATH}`;
  const environment = { path, network: {} };
  const outputs: string[] = [];
  const byCommand = (tool: DeclaredScanner): Scanner => ({
    name: tool.name,
    scanType: tool.type,
    probe: async () => ({ version: '', rulesVersion: '' }),
    scan: async (context) => {
      const args = [...tool.command.slice(1), ...tool.args].map((arg) => arg.replaceAll('{source}', context.sourceDir));
      const executable = (await findExecutable(tool.command[0]!, path)) ?? tool.command[0]!;
      const call = {
        name: tool.name,
        executable,
        args,
        environment,
        network: false,
        memoryLimitMb: tool.memoryMb,
        memorySetting: 'memoryMb',
      };
      const read = async (stdout: AsyncIterable<Uint8Array>): Promise<void> => {
        for await (const chunk of stdout) outputs.push(Buffer.from(chunk).toString());
      };
      return runTool({ ...call, exitCodes: { done: [0, ...tool.exitCodes.findings] } }, context, { stdout: read });
    },
  });
  return {
    root,
    path,
    outputs,
    scanner: (tool = {}, toolsDir = null) =>
      containedScanner({ ...declared, ...tool }, { toolsDir, dockerHost: null }, environment, byCommand),
    scan: (scanner, override = {}) =>
      scanner.scan({
        sourceDir: join(root, 'source'),
        workDir: join(root, 'work'),
        timeoutMs: 60_000,
        signal: new AbortController().signal,
        onFinding: async () => undefined,
        onProgress: () => undefined,
        ...override,
      }),
  };
}

/** The other container of a pod: its folder is the one that the runner knows under another path. */
function sidecar(t: ExecutionContext, { root }: Place, program: string): void {
  const [shell = '', ...args] = sideCommand(join(root, 'tools', 'checker'), ['sh', '-c', program]);
  const child = spawn(shell, args, { detached: true, stdio: 'ignore' });
  t.teardown(async () => {
    signalGroup(child.pid, 'SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
}

test('in a pod the container beside the runner does the work', async (t) => {
  const here = await place(t);
  sidecar(t, here, `cat ${here.root}/source/a.txt; echo warning >&2; exit 2`);
  const scanner = here.scanner({}, join(here.root, 'tools'));
  t.deepEqual(await scanner.probe(), { version: '', rulesVersion: '' });
  t.like(await here.scan(scanner), { status: 'succeeded', exitCode: 2 });
  t.is(here.outputs.join(''), 'flaw');
});

test('a container’s results may come by a file', async (t) => {
  const here = await place(t);
  sidecar(t, here, 'echo talk; echo results >results.sarif');
  t.is((await here.scan(here.scanner({ args: ['--output', '{results}'] }, join(here.root, 'tools')))).status, 'succeeded');
  t.is(here.outputs.join(''), 'results\n');
});

test('a tool that fails in its container leaves its last words', async (t) => {
  const here = await place(t);
  sidecar(t, here, 'echo "no rules found" >&2; exit 4');
  const outcome = await here.scan(here.scanner({}, join(here.root, 'tools')));
  t.like(outcome, { status: 'failed', exitCode: 4, evidence: 'no rules found' });
  t.regex(outcome.errorMessage, /no rules found/);
});

test('a tool that is killed in its container is on record as killed', async (t) => {
  const here = await place(t);
  sidecar(t, here, 'kill -KILL $$');
  t.like(await here.scan(here.scanner({}, join(here.root, 'tools'))), { status: 'killed' });
});

test('a tool is stopped in its container when its time is over, and when the scan is', async (t) => {
  const late = await place(t);
  sidecar(t, late, 'sleep 1000');
  t.is((await late.scan(late.scanner({}, join(late.root, 'tools')), { timeoutMs: 1500 })).status, 'timed_out');
  await t.notThrowsAsync(readFile(join(late.root, 'tools', 'checker', 'stop')));
  const cancelled = await place(t);
  sidecar(t, cancelled, 'sleep 1000');
  const signal = AbortSignal.timeout(1500);
  t.regex((await cancelled.scan(cancelled.scanner({}, join(cancelled.root, 'tools')), { signal })).errorMessage, /cancelled/);
  await t.notThrowsAsync(readFile(join(cancelled.root, 'tools', 'checker', 'stop')));
});

test('a tool whose container is not there says so', async (t) => {
  const here = await place(t);
  t.regex(JSON.stringify(await here.scanner({}, join(here.root, 'elsewhere')).probe()), /checker runs in a container beside the runner's/);
});

/** A program of Docker's name: it notes what it is told, and runs the tool on this machine. */
async function fakeDocker({ root }: Place, run: string): Promise<{ calls: () => Promise<string[]> }> {
  const script = `#!/bin/sh
echo "$@" >>'${root}/calls'
case "$1" in
version) echo 28.0.1 ;;
run) ${run} ;;
esac
`;
  await writeFile(join(root, 'bin', 'docker'), script);
  await chmod(join(root, 'bin', 'docker'), 0o755);
  return { calls: async () => (await readFile(join(root, 'calls'), 'utf8')).trim().split('\n') };
}

test('elsewhere Docker does the work, in a container that may do nothing else', async (t) => {
  const here = await place(t);
  const docker = await fakeDocker(here, 'echo sarif; exit 2');
  const scanner = here.scanner();
  t.deepEqual(await scanner.probe(), { version: '', rulesVersion: '' });
  t.like(await here.scan(scanner), { status: 'succeeded', exitCode: 2 });
  t.is(here.outputs.join(''), 'sarif\n');
  const [version, run = '', removal = ''] = await docker.calls();
  t.regex(version!, /^version /);
  for (const limit of [
    '--network none',
    '--read-only',
    '--cap-drop ALL',
    '--security-opt no-new-privileges',
    '--memory 256m',
    '--pids-limit',
  ])
    t.true(run.includes(limit), limit);
  t.true(run.includes(`--mount type=bind,source=${here.root}/source,target=${here.root}/source,readonly`), run);
  t.true(run.endsWith(`--entrypoint checker registry.example/checker:3 ${here.root}/source`), run);
  const [, name] = /--name (cloudscan-checker-[0-9a-f-]+)/.exec(run) ?? [];
  t.is(removal, `rm --force ${name}`);
});

test('results of a file come by standard output, and what the tool says goes to its log', async (t) => {
  const here = await place(t);
  // What stands behind the image is what runs in the container; the file is one of this machine here.
  const docker = await fakeDocker(here, `while [ "$1" != registry.example/checker:3 ]; do shift; done; shift; cd '${here.root}'; sh "$@"`);
  const command = ['sh', '-c', 'echo talk; echo results >"$1"; exit 2', 'checker'];
  const scanner = here.scanner({ command, args: ['{results}'] });
  t.like(await here.scan(scanner), { status: 'succeeded', exitCode: 2 });
  t.is(here.outputs.join(''), 'results\n');
  t.regex(
    (await docker.calls()).join('\n'),
    /--entrypoint sh registry\.example\/checker:3 -c "\$@" >&2; code=\$\?; cat "\$0"; exit \$code \/tmp\/results\.sarif sh -c/,
  );
});

test('a container that Docker’s client leaves behind is removed', async (t) => {
  const here = await place(t);
  const docker = await fakeDocker(here, 'sleep 1000');
  const scanner = here.scanner();
  t.is((await here.scan(scanner, { timeoutMs: 500 })).status, 'timed_out');
  t.regex((await docker.calls()).at(-1)!, /^rm --force cloudscan-checker-/);
});

test('without Docker the record says what is missing', async (t) => {
  const here = await place(t);
  const environment = { path: join(here.root, 'bin'), network: {} };
  const settings = { toolsDir: null, dockerHost: null };
  const scanner = containedScanner(declared, settings, environment, () => t.fail() as never);
  const problem =
    'checker runs in the image registry.example/checker:3, and no program docker is on PATH; install Docker, or declare checker without an image';
  t.deepEqual(await scanner.probe(), { problem });
  await fakeDocker(here, 'exit 1');
  await writeFile(join(here.root, 'bin', 'docker'), '#!/bin/sh\necho "Cannot connect to the Docker daemon" >&2; exit 1\n');
  t.regex(JSON.stringify(await scanner.probe()), /and Docker does not answer: docker failed with exit code 1: Cannot connect/);
});
