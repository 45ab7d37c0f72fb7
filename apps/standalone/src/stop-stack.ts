import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, processLockHolder, StartUpError } from '@cloudscan/process';
import { lockPath } from './data-folder.ts';

/** Milliseconds that a stack may take to stop. */
const limitMs = 90_000;
const pollMs = 20;

/**
 * Stops the stack that runs on a data folder and waits until nothing of it runs.
 *
 * @returns the id of its process; null when none ran
 * @throws StartUpError when it belongs to another user or does not stop
 */
export async function stopStack(dataDir: string): Promise<number | null> {
  const holder = processLockHolder(lockPath(dataDir));
  if (holder === null) return null;
  try {
    process.kill(holder.pid, 'SIGTERM');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM')
      throw new StartUpError(`the stack on ${dataDir} (process ${holder.pid}) belongs to another user, who must stop it`, error);
    if (code !== 'ESRCH') throw error;
  }
  const deadline = performance.now() + limitMs;
  while (isRunning(holder)) {
    if (performance.now() > deadline)
      throw new StartUpError(`the stack on ${dataDir} (process ${holder.pid}) did not stop within ${limitMs / 1000} s`);
    await delay(pollMs);
  }
  return holder.pid;
}
