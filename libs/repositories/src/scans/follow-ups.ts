import { jobNameOf } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import type { OutgoingMessage } from '../transactional-jobs.ts';
import { isActive } from './active-scans.ts';

/** Milliseconds after its end for which a scan's last Job may still be there: the platform keeps it for people to look at. */
const jobRestsMs = 86_400_000;

/** An admitted attempt may have a Job, whether or not its name was recorded. */
export function stopJobOf(scan: Scan): readonly OutgoingMessage[] {
  if (!isActive(scan) || scan.admittedAt === null) return [];
  return [stopJobMessage(scan)];
}

/** The Job of a scan that is deleted goes with it, also one that has ended and was only left to be looked at. */
export function removeJobOf(scan: Scan, at: Date): readonly OutgoingMessage[] {
  const restsStill = scan.jobName !== null && scan.completedAt !== null && at.getTime() - scan.completedAt.getTime() < jobRestsMs;
  return restsStill ? [stopJobMessage(scan)] : stopJobOf(scan);
}

/**
 * What an ended attempt leaves in storage: a run that does not count may have uploaded its results, and one that does may
 * have done so twice, where it did not see the end of the first upload. An older runner does not say which results are its
 * own: they stay.
 */
export function leftoversOf({ id, organizationId, status, resultsArtifactId }: Scan): readonly OutgoingMessage[] {
  if (status === 'completed' && resultsArtifactId === null) return [];
  const keep = resultsArtifactId === null ? [] : [resultsArtifactId];
  return [{ queue: 'delete-artifacts', message: { organizationId, scanId: id, type: 'scan_results', keep } }];
}

/** What is attested is what a completed run says of its source and its results. */
export function attestationOf({ id, organizationId, status, resultsArtifactId, provenance }: Scan): readonly OutgoingMessage[] {
  if (status !== 'completed' || resultsArtifactId === null || provenance === null) return [];
  return [{ queue: 'attest', message: { organizationId, scanId: id } }];
}

function stopJobMessage({ id, attempt }: Scan): OutgoingMessage {
  return { queue: 'stop-job', message: { scanId: id, attempt, jobName: jobNameOf(id, attempt) } };
}
