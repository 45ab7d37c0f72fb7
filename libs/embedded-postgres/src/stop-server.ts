import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { hasEnded, signalGroup, StartUpError } from '@cloudscan/process';
import { findRunningPostmaster } from './postmaster-file.ts';

/** Milliseconds for a fast shutdown, which writes a checkpoint; after them an immediate one follows. */
const fastLimitMs = 20_000;
const pollMs = 20;

/** Stops a guarded server: fast, then immediate, then by force. */
export async function stopServer(server: ChildProcess): Promise<void> {
  if (hasEnded(server)) return;
  const exited = once(server, 'exit');
  const timers = (['SIGQUIT', 'SIGKILL'] as const).map((signal, index) =>
    setTimeout(() => signalGroup(server.pid, signal), (index + 1) * fastLimitMs),
  );
  server.stdin!.end();
  await exited;
  timers.forEach(clearTimeout);
}

/**
 * Stops the server that an earlier starter left running on a data folder; nothing happens when there is none.
 *
 * @throws StartUpError when it belongs to another user or does not stop
 */
export async function stopLeftOver(dataDir: string): Promise<void> {
  const deadline = performance.now() + fastLimitMs;
  let asked = false;
  for (;;) {
    const postmaster = findRunningPostmaster(dataDir);
    if (postmaster === null) return;
    if (performance.now() > deadline) throw inUse(dataDir, postmaster.pid);
    if (!asked) askToStop(dataDir, postmaster.pid);
    asked = true;
    await delay(pollMs);
  }
}

function askToStop(dataDir: string, pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM') throw inUse(dataDir, pid, error);
    if (code !== 'ESRCH') throw error;
  }
}

function inUse(dataDir: string, pid: number, cause?: unknown): StartUpError {
  return new StartUpError(`a PostgreSQL server (process ${pid}) already runs on ${dataDir}; stop it first`, cause);
}
