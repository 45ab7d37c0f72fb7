import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { countClients, identifyProcess, isRunning, readStackFile, registerClient } from '@cloudscan/process';
import type { ProcessIdentity, StackFile } from '@cloudscan/process';
import { UsageError } from './exit-codes.ts';

export interface LocalStackOptions {
  readonly dataDir: string;
  /** The command that starts a stack which ends with its last client. */
  readonly startCommand: readonly [string, ...string[]];
  /** Environment of that command. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for a first start, which makes a database. */
  readonly timeoutMs: number;
  readonly onStarting: () => void;
  readonly signal: AbortSignal;
}

export interface LocalStackUse {
  readonly stack: StackFile;
  /** Lets go of the stack; one that was started on demand ends with its last client, who waits until it has. */
  release(): Promise<void>;
}

/** Milliseconds that a stack may take to end. */
const stopLimitMs = 30_000;
const pollMs = 50;

/** Uses the stack that runs on the data folder, or starts one. */
export async function useLocalStack(options: LocalStackOptions): Promise<LocalStackUse> {
  mkdirSync(options.dataDir, { recursive: true });
  const unregister = registerClient(options.dataDir);
  let starting: ProcessIdentity | null = null;
  try {
    const stack = readStackFile(options.dataDir) ?? (await startStack(options, (started) => (starting = started)));
    return {
      stack,
      release: async () => {
        unregister();
        if (stack.onDemand) await waitForEnd(options.dataDir, stack.process);
      },
    };
  } catch (error) {
    unregister();
    if (starting !== null) await waitForEnd(options.dataDir, starting);
    throw error;
  }
}

async function startStack(options: LocalStackOptions, onStarted: (process: ProcessIdentity | null) => void): Promise<StackFile> {
  options.onStarting();
  const logPath = join(options.dataDir, 'start.log');
  const log = openSync(logPath, 'w', 0o600);
  const [command, ...args] = options.startCommand;
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'ignore', log], env: options.env });
  closeSync(log);
  const ended = new Promise<'ended'>((resolve) => {
    child.once('exit', () => resolve('ended'));
    child.once('error', () => resolve('ended'));
  });
  child.unref();
  if (child.pid !== undefined) onStarted(identifyProcess(child.pid));
  const deadline = Date.now() + options.timeoutMs;
  while (Date.now() < deadline) {
    options.signal.throwIfAborted();
    const stack = readStackFile(options.dataDir);
    if (stack !== null) return stack;
    if ((await Promise.race([ended, delay(pollMs)])) === 'ended') {
      // It ends at once where the stack of another client serves.
      const other = readStackFile(options.dataDir);
      if (other !== null) return other;
      throw new UsageError(`the local stack did not start: ${lastLines(logPath)}`);
    }
  }
  throw new UsageError(`the local stack did not start within ${options.timeoutMs / 1000} s: ${lastLines(logPath)}`);
}

/** Waits for the end of a stack that nobody else uses. */
async function waitForEnd(dataDir: string, stack: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + stopLimitMs;
  while (Date.now() < deadline && isRunning(stack) && countClients(dataDir) === 0) await delay(pollMs);
}

/** What the stack said last, for the user. */
function lastLines(logPath: string): string {
  const lines = readFileSync(logPath, 'utf8').trim().split('\n');
  return lines.slice(-5).join('\n') || `see ${logPath}`;
}
