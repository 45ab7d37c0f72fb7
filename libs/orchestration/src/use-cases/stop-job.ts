import { isTerminal } from '@cloudscan/domain';
import type { StopJobMessage } from '../ports/scan-queue.ts';
import type { SystemPorts } from './system-ports.ts';

/** Stops an attempt's Job and removes it, unless the scan, read now, still wants it. Idempotent. Answers whether it did. */
export async function stopJob({ scope, scans, jobs }: SystemPorts, { scanId, attempt, jobName }: StopJobMessage): Promise<boolean> {
  const scan = await scans.findById(scope, scanId);
  if (scan !== null && !isTerminal(scan.status) && scan.attempt === attempt) return false;
  await jobs.delete(jobName);
  return true;
}
