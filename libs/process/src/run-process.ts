import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { isGroupAbove } from './group-memory.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Milliseconds between two looks at a group's memory. */
const memoryIntervalMs = 250;

export interface RunProcessOptions {
  readonly cwd?: string;
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until the process group is killed. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL; 2,000 by default. */
  readonly graceMs?: number;
  /** Reads standard output as it comes; by default its tail is kept in `stdout`. An error of it kills the group. */
  readonly onStdout?: (stdout: Readable) => Promise<void>;
  /** Bytes kept of each stream's end; 16 KiB by default. */
  readonly tailBytes?: number;
  readonly stdin?: string;
  /** Bytes of memory above which the group is killed at once; looked at four times a second. */
  readonly memoryLimitBytes?: number;
  /** Shared with other groups: the group is killed at once when all take too much and it takes the most. */
  readonly memoryBudget?: MemoryBudget;
  /** Kills the group when this process ends, however it ends: by a process that waits for just that. */
  readonly endsWithParent?: boolean;
}

export interface ProcessOutcome {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the group was killed, if it was. */
  readonly killedBecause: 'timeout' | 'aborted' | 'memory' | 'budget' | 'reader_failed' | null;
  /** The end of each stream, as UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/**
 * Runs a program as the leader of a process group of its own and leaves nothing of the group behind.
 *
 * @throws the error of `spawn` when the program cannot be started, and that of `onStdout`
 */
export async function runProcess(command: string, args: readonly string[], options: RunProcessOptions): Promise<ProcessOutcome> {
  const startedAt = performance.now();
  const child = spawn(command, args, { cwd: options.cwd, env: { ...options.env }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  let killedBecause: ProcessOutcome['killedBecause'] = null;
  const kill = (because: NonNullable<ProcessOutcome['killedBecause']>): void => {
    killedBecause ??= because;
    signalGroup(child.pid, 'SIGTERM');
    force ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), options.graceMs ?? 2000);
  };
  let force: NodeJS.Timeout | undefined;
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => kill('timeout'), options.timeoutMs);
  const killAtOnce = (because: NonNullable<ProcessOutcome['killedBecause']>): void => {
    killedBecause ??= because;
    signalGroup(child.pid, 'SIGKILL');
  };
  const stopWatching = watchMemory(child.pid, options.memoryLimitBytes, () => killAtOnce('memory'));
  const leaveBudget = child.pid === undefined ? undefined : options.memoryBudget?.join(child.pid, () => killAtOnce('budget'));
  const guard = options.endsWithParent === true ? guardGroup(child.pid) : undefined;
  const onAbort = (): void => kill('aborted');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) kill('aborted');

  const tailBytes = options.tailBytes ?? 16_384;
  let readerError: unknown;
  const stdout = options.onStdout === undefined ? tailOf(child.stdout, tailBytes) : Promise.resolve('');
  const reader = options.onStdout?.(child.stdout).catch((error: unknown) => {
    readerError = error;
    kill('reader_failed');
    child.stdout.resume();
  });
  const stderr = tailOf(child.stderr, tailBytes);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');

  try {
    const [exitCode, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    // A grandchild that outlives its parent would hold the pipes open.
    signalGroup(child.pid, 'SIGKILL');
    await reader;
    if (readerError !== undefined) throw readerError;
    return { exitCode, signal, killedBecause, stdout: await stdout, stderr: await stderr, durationMs: performance.now() - startedAt };
  } finally {
    clearTimeout(timer);
    clearTimeout(force);
    stopWatching();
    leaveBudget?.();
    guard?.kill('SIGKILL');
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Sends a signal to a whole process group; nothing happens when it is gone. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function watchMemory(group: number | undefined, limitBytes: number | undefined, onAbove: () => void): () => void {
  if (group === undefined || limitBytes === undefined) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const isAbove = await isGroupAbove(group, limitBytes).catch(() => false);
    if (timer === undefined) return;
    if (isAbove) onAbove();
    else timer = setTimeout(() => void look(), memoryIntervalMs);
  };
  timer = setTimeout(() => void look(), memoryIntervalMs);
  return () => {
    clearTimeout(timer);
    timer = undefined;
  };
}

/** A process that was killed cannot kill its children; but the kernel closes its end of a pipe, and the shell at the other end wakes up. */
function guardGroup(group: number | undefined): ChildProcess | undefined {
  if (group === undefined) return undefined;
  const guard = spawn('/bin/sh', ['-c', 'read -r _; kill -s KILL -- "-$0"', String(group)], {
    env: {},
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without it only the death of this process goes unseen.
  guard.on('error', () => undefined);
  guard.stdin?.on('error', () => undefined);
  return guard;
}

async function tailOf(stream: Readable, maxBytes: number): Promise<string> {
  let tail = Buffer.alloc(0);
  for await (const chunk of stream) {
    tail = Buffer.concat([tail, chunk as Buffer]);
    if (tail.length > maxBytes) tail = tail.subarray(tail.length - maxBytes);
  }
  return tail.toString('utf8');
}
