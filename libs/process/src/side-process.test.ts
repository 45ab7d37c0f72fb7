import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { identifyProcess, isRunning } from './process-identity.ts';
import { signalGroup } from './run-process.ts';
import { hasSideProcess, openSideFile, runSideProcess, sideCommand } from './side-process.ts';

const until = new AbortController().signal;

/** A container with a command, as a kubelet treats a sidecar: started again when it ends, until the pod ends. */
class Sidecar {
  readonly #command: readonly string[];
  #child: ChildProcess | null = null;
  #podHasEnded = false;
  starts = 0;
  over: Promise<void> = Promise.resolve();

  constructor(folder: string, command: readonly string[]) {
    this.#command = sideCommand(folder, command);
  }

  start(): void {
    this.over = this.#run();
  }

  /** As the kernel does when a container has run out of memory. */
  kill(): void {
    signalGroup(this.#child!.pid, 'SIGKILL');
  }

  async endPod(): Promise<void> {
    this.#podHasEnded = true;
    this.#child?.kill('SIGTERM');
    await this.over;
  }

  async #run(): Promise<void> {
    while (!this.#podHasEnded) {
      this.starts += 1;
      const [shell = '', ...args] = this.#command;
      this.#child = spawn(shell, args, { detached: true, stdio: 'ignore' });
      await once(this.#child, 'exit');
      // The first process of a container takes all others with it.
      signalGroup(this.#child.pid, 'SIGKILL');
    }
  }
}

async function sidecar(t: ExecutionContext, program: string) {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-side-'));
  const container = new Sidecar(folder, ['sh', '-c', program]);
  container.start();
  t.teardown(async () => {
    await container.endPod();
    await rm(folder, { recursive: true, force: true });
  });
  return { folder, container, fileOf: (name: string) => readFile(join(folder, name), 'utf8') };
}

/** Until a file is there: what a container does is seen in no other way. */
async function written(path: string): Promise<void> {
  while (!existsSync(path)) await delay(20);
}

test('a program waits until it may begin, and its end is told with what it wrote', async (t) => {
  const { folder, container, fileOf } = await sidecar(t, 'echo out; echo err >&2; exit 3');
  t.true(await hasSideProcess(folder));
  t.false(await hasSideProcess(join(folder, 'nobody')));
  t.false(existsSync(join(folder, 'started')));
  t.like(await runSideProcess(folder, { timeoutMs: 60_000, signal: until }), {
    exitCode: 3,
    signal: null,
    killedBecause: null,
    stderr: 'err\n',
  });
  t.is(await fileOf('stdout'), 'out\n');
  t.is(container.starts, 1);
});

test('arguments reach the program as they are', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-side-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const args = ['$HOME', '`id`', 'two words', '', '-e', "it's", 'line\nbreak'];
  const container = new Sidecar(folder, ['printf', '[%s]', ...args]);
  container.start();
  t.teardown(() => container.endPod());
  await runSideProcess(folder, { timeoutMs: 60_000, signal: until });
  t.is(await readFile(join(folder, 'stdout'), 'utf8'), args.map((each) => `[${each}]`).join(''));
});

test('a program that is too slow is stopped', async (t) => {
  const { folder } = await sidecar(t, 'sleep 1000');
  t.like(await runSideProcess(folder, { timeoutMs: 100, signal: until }), { exitCode: null, killedBecause: 'timeout' });
});

test('a program is stopped when the scan is, with all that it started', async (t) => {
  const { folder, container, fileOf } = await sidecar(t, 'sleep 1000 & echo $!; trap "" TERM; touch begun; wait');
  const abort = new AbortController();
  const run = runSideProcess(folder, { timeoutMs: 60_000, signal: abort.signal });
  await written(join(folder, 'begun'));
  const inner = identifyProcess(Number(await fileOf('stdout')));
  t.not(inner, null);
  abort.abort();
  t.like(await run, { killedBecause: 'aborted' });
  await written(join(folder, 'exit'));
  t.false(isRunning(inner!));
  t.is(container.starts, 2);
});

test('a program that was never let go is never started', async (t) => {
  const { folder } = await sidecar(t, 'true');
  const run = await runSideProcess(folder, { timeoutMs: 60_000, signal: AbortSignal.abort() });
  t.is(run.killedBecause, 'aborted');
});

test('a container that is killed says so once it is started again', async (t) => {
  const { folder, container } = await sidecar(t, 'sleep 1000');
  const run = runSideProcess(folder, { timeoutMs: 60_000, signal: until });
  await written(join(folder, 'started'));
  container.kill();
  t.like(await run, { exitCode: null, signal: 'SIGKILL', killedBecause: null });
});

test('a program that is killed alone is told by its shell', async (t) => {
  const { folder } = await sidecar(t, 'kill -KILL $$');
  t.like(await runSideProcess(folder, { timeoutMs: 60_000, signal: until }), { exitCode: null, signal: 'SIGKILL' });
});

test('a container that is started again after the end leaves that end alone', async (t) => {
  const { folder, container, fileOf } = await sidecar(t, 'exit 5');
  t.is((await runSideProcess(folder, { timeoutMs: 60_000, signal: until })).exitCode, 5);
  container.kill();
  while (container.starts < 2) await delay(20);
  t.is(await fileOf('exit'), '5\n');
});

test('what is no regular file is neither followed nor waited for', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-side-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const secret = join(folder, 'secret');
  await writeFile(secret, '0\n');
  for (const name of ['exit', 'stderr', 'stop']) await symlink(secret, join(folder, name));
  execFileSync('mkfifo', [join(folder, 'stdout')]);
  const run = runSideProcess(folder, { timeoutMs: 500, signal: until });
  await t.throwsAsync(run, { code: 'EEXIST' });
  await t.throwsAsync(openSideFile(join(folder, 'stderr')), { code: 'ELOOP' });
  await t.throwsAsync(openSideFile(join(folder, 'stdout')), { code: 'EINVAL' });
  t.is(await readFile(secret, 'utf8'), '0\n');
});
