import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processLockHolder, readStackFile } from '@cloudscan/process';
import { lockPath } from './data-folder.ts';

/** Milliseconds that another stack may take to start or to stop. */
const limitMs = 120_000;
const pollMs = 50;

/**
 * Waits while another process starts or stops a stack on the folder.
 *
 * @returns whether one serves now; if not, the folder is free
 */
export async function otherStackServes(dataDir: string): Promise<boolean> {
  mkdirSync(dataDir, { recursive: true });
  const deadline = performance.now() + limitMs;
  while (processLockHolder(lockPath(dataDir)) !== null && performance.now() < deadline) {
    if (readStackFile(dataDir) !== null) return true;
    await delay(pollMs);
  }
  return false;
}
