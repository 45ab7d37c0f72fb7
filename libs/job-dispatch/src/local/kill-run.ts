import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '@cloudscan/process';
import type { ProcessIdentity } from '@cloudscan/process';
import { findRunProcesses, readProcessTable } from './process-table.ts';
import type { RunProcesses } from './process-table.ts';

const lookMs = 20;

/**
 * Kills all of a run, again and again until a look finds none of it: what was forked between a look and a kill goes next time.
 *
 * @param limitMs milliseconds after which it gives up; a process in uninterruptible sleep does not die sooner
 * @returns whether nothing of it runs any more
 */
export async function killRun(run: RunProcesses, limitMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const members = findRunProcesses(await readProcessTable(), run);
    if (members.length === 0) return true;
    if (performance.now() > giveUpAt) return false;
    for (const member of members) signalProcess(member, 'SIGKILL');
    await delay(lookMs);
  }
}

/** Signals one process, unless its number belongs to another by now. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits for a process to end. False when it still runs after `limitMs`. */
export async function waitUntilGone(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + limitMs;
  while (isRunning(identity)) {
    if (performance.now() > giveUpAt) return false;
    await delay(lookMs);
  }
  return true;
}
