import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { identifyProcess, isRunning, readStackFile } from '@cloudscan/process';
import type { ProcessIdentity } from '@cloudscan/process';
import { eventually, requires, testFile } from '@cloudscan/testing';

const file = testFile(test);
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'cloudscan-main-'));
file.teardown(() => rmSync(dataDir, { recursive: true, force: true }));

const freePorts = { GRPC_PORT: '0', HTTP_PORT: '0', STORAGE_SERVICE_PORT: '0', STORAGE_HTTP_PORT: '0' };
const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], CLOUDSCAN_DATA_DIR: dataDir, ...freePorts };

async function run(...args: readonly string[]): Promise<{ readonly exitCode: number | null; readonly said: string }> {
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main, ...args], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, said };
}

/** A process, its children, and theirs. */
function family(pid: number): readonly ProcessIdentity[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] => [parent, ...pairs.filter(([, ppid]) => ppid === parent).flatMap(([child]) => below(child!))];
  return below(pid).flatMap((member) => identifyProcess(member) ?? []);
}

/** PostgreSQL's own children go with their parent. */
function kill(member: ProcessIdentity): void {
  try {
    process.kill(member.pid, 'SIGKILL');
  } catch (error) {
    if (isRunning(member)) throw error;
  }
}

async function ready(http: string): Promise<boolean> {
  return (await fetch(`http://${http}/ready`).catch(() => null))?.ok ?? false;
}

requires(test, 'ps').serial('brings the real processes up, heals what is killed, and leaves nothing running', async (t) => {
  t.timeout(120_000);
  const started = run('start');
  const stack = await eventually(() => readStackFile(dataDir), { timeoutMs: 90_000, what: 'the stack' });
  t.true(await ready(stack.http));

  const members = family(stack.process.pid).filter(({ pid }) => pid !== stack.process.pid);
  t.true(members.length >= 6, 'five processes and PostgreSQL');
  members.forEach(kill);
  await eventually(() => members.every((member) => !isRunning(member)));
  await eventually(() => ready(stack.http), { timeoutMs: 60_000, what: 'the healed stack' });

  const everything = family(stack.process.pid);
  const stopped = await run('stop');
  t.deepEqual(stopped, { exitCode: 0, said: `stopped the stack on ${dataDir} (process ${stack.process.pid})\n` });
  t.is((await started).exitCode, 0);
  t.deepEqual(everything.filter(isRunning), []);
});

test.serial('says so when there is nothing to stop', async (t) => {
  t.deepEqual(await run('stop'), { exitCode: 0, said: `no stack runs on ${dataDir}\n` });
});

test.serial('refuses a command that it does not know', async (t) => {
  const { exitCode, said } = await run('restart');
  t.is(exitCode, 2);
  t.regex(said, /the command is "restart"; it must be start, start --on-demand, or stop/);
});
