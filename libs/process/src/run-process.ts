import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

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
}

export interface ProcessOutcome {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the group was killed, if it was. */
  readonly killedBecause: 'timeout' | 'aborted' | 'reader_failed' | null;
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

async function tailOf(stream: Readable, maxBytes: number): Promise<string> {
  let tail = Buffer.alloc(0);
  for await (const chunk of stream) {
    tail = Buffer.concat([tail, chunk as Buffer]);
    if (tail.length > maxBytes) tail = tail.subarray(tail.length - maxBytes);
  }
  return tail.toString('utf8');
}
