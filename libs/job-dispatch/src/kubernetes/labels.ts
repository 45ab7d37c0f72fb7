import type { JobSpec } from '@cloudscan/orchestration';

/** The names of the labels by which Jobs, pods and Secrets of this system are known. */
export const labelNames = {
  /** The part of the system, for all of its resources: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
  name: 'app.kubernetes.io/name',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
  component: 'app.kubernetes.io/component',
  scanId: 'cloudscan.io/scan-id',
  organizationId: 'cloudscan.io/organization-id',
  projectId: 'cloudscan.io/project-id',
  attempt: 'cloudscan.io/attempt',
  /** `true` once the end of the Job is in the database. */
  recorded: 'cloudscan.io/recorded',
  /** On a Secret: `true` once its Job owns it. */
  owned: 'cloudscan.io/owned',
  /** Set on pods by the Job controller. */
  jobName: 'batch.kubernetes.io/job-name',
} as const;

const manager = 'cloudscan';

/** What this system made, whatever became of it. */
export const managedSelector = `${labelNames.managedBy}=${manager}`;

/** What this system made and whose end is not recorded: what a watch follows. */
export const unrecordedSelector = `${managedSelector},${labelNames.recorded}!=true`;

/** Secrets that no Job owns yet. */
export const unownedSelector = `${managedSelector},!${labelNames.owned}`;

/** What belongs to the attempts of these scans. */
export function scansSelector(scanIds: readonly string[]): string {
  return `${managedSelector},${labelNames.scanId} in (${scanIds.join(',')})`;
}

/** The labels of a run's Job, pod and Secret. Ids are whole: the longest has 36 of the 63 characters that a value may have. */
export function labelsOf({ scanId, organizationId, projectId, attempt }: JobSpec): Record<string, string> {
  return {
    [labelNames.name]: 'cloudscan-runner',
    [labelNames.partOf]: 'cloudscan',
    [labelNames.managedBy]: manager,
    [labelNames.component]: 'runner',
    [labelNames.scanId]: scanId,
    [labelNames.organizationId]: organizationId,
    [labelNames.projectId]: projectId,
    [labelNames.attempt]: String(attempt),
  };
}
