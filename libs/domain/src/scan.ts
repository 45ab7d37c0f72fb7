import type { FailureEvidence, FailureReason } from './failure.ts';
import type { ScanStatus } from './scan-status.ts';
import type { SeverityCounts } from './severity.ts';

export const scanTypes = ['sast', 'sca', 'secrets', 'license'] as const;
export type ScanType = (typeof scanTypes)[number];

/** Where the code comes from. At least one of the two is there once the scan has started. */
export interface ScanSource {
  readonly artifactId: string | null;
  readonly gitUrl: string | null;
  readonly gitBranch: string | null;
  readonly gitCommit: string | null;
}

/** How far the current attempt has come. */
export interface Progress {
  /** For example `download`, `unpack`, `sast`, `upload`. */
  readonly step: string;
  /** 0 to 100. */
  readonly percent: number;
  readonly message: string;
}

export const toolStatuses = ['succeeded', 'failed', 'timed_out', 'skipped', 'out_of_memory', 'killed'] as const;
/** `skipped`: the source holds nothing that the tool reads. `killed`: a signal ended it that nobody here sent. */
export type ToolStatus = (typeof toolStatuses)[number];

/** Whether a tool has not looked at everything that it should have looked at. */
export function hasToolFailed({ status }: Pick<ToolRun, 'status'>): boolean {
  return status !== 'succeeded' && status !== 'skipped';
}

/** What one scanner did in one run. */
export interface ToolRun {
  readonly name: string;
  readonly version: string;
  readonly scanType: ScanType;
  readonly status: ToolStatus;
  readonly durationMs: number;
  readonly findingsCount: number;
  readonly exitCode: number;
  /** One sentence; empty when nothing went wrong. */
  readonly errorMessage: string;
  /** The version of the rules or of the advisory database. */
  readonly rulesVersion: string;
  /**
   * The end of what a tool that failed said of itself, and of a run that was imported its warnings and errors: at most 4 KiB, secrets
   * redacted. Empty for a tool that was run here and did not fail.
   */
  readonly evidence: string;
}

/** What a run says it has read, and who says so. One of the first two is not empty. */
export interface RunProvenance {
  /** Lower-case hexadecimal SHA-256 of the archive that the run downloaded. */
  readonly sourceSha256: string;
  /** Full hexadecimal name of the commit that the run checked out. */
  readonly gitCommit: string;
  readonly runnerVersion: string;
}

export interface Scan {
  /** UUIDv7; its moment is `createdAt`. */
  readonly id: string;
  readonly organizationId: string;
  readonly projectId: string;
  readonly userId: string | null;
  readonly status: ScanStatus;
  readonly scanTypes: readonly ScanType[];
  readonly source: ScanSource;
  /** Higher runs first; 0 is normal. */
  readonly priority: number;
  /** 0 until the scan is queued, then 1 and up; 1 for an imported scan. */
  readonly attempt: number;
  /** Set when the current attempt was admitted, that is, may have a Job. */
  readonly admittedAt: Date | null;
  readonly jobName: string | null;
  readonly progress: Progress | null;
  readonly findings: SeverityCounts;
  readonly tools: readonly ToolRun[];
  /** The run whose findings count; set by CompleteScan. */
  readonly acceptedRunId: string | null;
  readonly resultsArtifactId: string | null;
  /** Of the run whose findings count; null where it does not say. */
  readonly provenance: RunProvenance | null;
  readonly failureReason: FailureReason | null;
  readonly failureEvidence: FailureEvidence | null;
  readonly errorMessage: string;
  /** The number of its newest event: grows with every change that a reader can see. */
  readonly sequence: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly queuedAt: Date | null;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

/** Whether what it found was found elsewhere: it ended without ever waiting for a Job. */
export function isImported({ acceptedRunId, queuedAt }: Pick<Scan, 'acceptedRunId' | 'queuedAt'>): boolean {
  return acceptedRunId !== null && queuedAt === null;
}

/** The name of an attempt's Job, in Kubernetes and on one machine. */
export function jobNameOf(scanId: string, attempt: number): string {
  return `scan-${scanId}-${attempt}`;
}

/** The inverse of {@link jobNameOf}; null for a name of another form. */
export function parseJobName(name: string): { readonly scanId: string; readonly attempt: number } | null {
  const match = /^scan-([0-9a-f-]{36})-([1-9]\d{0,8})$/.exec(name);
  return match === null ? null : { scanId: match[1]!, attempt: Number(match[2]) };
}
