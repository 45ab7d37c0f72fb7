import { uuidV7Time } from '@cloudscan/domain';
import type {
  FailureEvidence,
  FailureReason,
  Progress,
  RunProvenance,
  Scan,
  ScanEvent,
  ScanStatus,
  ScanType,
  ToolRun,
} from '@cloudscan/domain';
import { clip, toJson } from '../text.ts';

export interface ScanRow {
  readonly id: string;
  readonly organization_id: string;
  readonly project_id: string;
  readonly user_id: string | null;
  readonly status: ScanStatus;
  readonly scan_types: readonly ScanType[];
  readonly repository_url: string | null;
  readonly branch: string | null;
  readonly commit_sha: string | null;
  readonly source_archive_key: string | null;
  readonly priority: number;
  readonly attempt: number;
  readonly job_name: string | null;
  readonly progress: Progress | null;
  readonly critical_count: number;
  readonly high_count: number;
  readonly medium_count: number;
  readonly low_count: number;
  readonly info_count: number;
  readonly tools: readonly ToolRun[];
  readonly accepted_run_id: string | null;
  readonly results_artifact_id: string | null;
  readonly provenance: RunProvenance | null;
  readonly failure_reason: FailureReason | null;
  readonly failure_evidence: FailureEvidence | null;
  readonly error_message: string;
  readonly event_sequence: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly queued_at: Date | null;
  readonly admitted_at: Date | null;
  readonly started_at: Date | null;
  readonly completed_at: Date | null;
}

const scanColumnNames = [
  'id',
  'organization_id',
  'project_id',
  'user_id',
  'status',
  'scan_types',
  'repository_url',
  'branch',
  'commit_sha',
  'source_archive_key',
  'priority',
  'attempt',
  'job_name',
  'progress',
  'critical_count',
  'high_count',
  'medium_count',
  'low_count',
  'info_count',
  'tools',
  'accepted_run_id',
  'results_artifact_id',
  'provenance',
  'failure_reason',
  'failure_evidence',
  'error_message',
  'event_sequence',
  'created_at',
  'updated_at',
  'queued_at',
  'admitted_at',
  'started_at',
  'completed_at',
] as const satisfies readonly (keyof ScanRow)[];

/** What a SELECT of scans names. */
export const scanColumns = scanColumnNames.join(', ');

export function toScan(row: ScanRow): Scan {
  return {
    id: row.id,
    organizationId: row.organization_id,
    projectId: row.project_id,
    userId: row.user_id,
    status: row.status,
    scanTypes: row.scan_types,
    source: { artifactId: row.source_archive_key, gitUrl: row.repository_url, gitBranch: row.branch, gitCommit: row.commit_sha },
    priority: row.priority,
    attempt: row.attempt,
    admittedAt: row.admitted_at,
    jobName: row.job_name,
    progress: row.progress,
    findings: { critical: row.critical_count, high: row.high_count, medium: row.medium_count, low: row.low_count, info: row.info_count },
    tools: row.tools,
    acceptedRunId: row.accepted_run_id,
    resultsArtifactId: row.results_artifact_id,
    provenance: row.provenance,
    failureReason: row.failure_reason,
    failureEvidence: row.failure_evidence,
    errorMessage: row.error_message,
    sequence: row.event_sequence,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
  };
}

/** The longest message that a scan and its events keep, in characters. */
const maxMessageLength = 4096;

/**
 * The columns that a command may change, with the value that each has in the scan.
 *
 * @param json what becomes of the values of jsonb columns: by default, text for a parameter
 */
export function mutableColumns(scan: Scan, json: (value: object | null) => unknown = toJson): Readonly<Record<string, unknown>> {
  return {
    status: scan.status,
    source_archive_key: scan.source.artifactId,
    attempt: scan.attempt,
    job_name: scan.jobName,
    progress: json(scan.progress),
    findings_count: scan.findings.critical + scan.findings.high + scan.findings.medium + scan.findings.low + scan.findings.info,
    critical_count: scan.findings.critical,
    high_count: scan.findings.high,
    medium_count: scan.findings.medium,
    low_count: scan.findings.low,
    info_count: scan.findings.info,
    tools: json(scan.tools),
    accepted_run_id: scan.acceptedRunId,
    results_artifact_id: scan.resultsArtifactId,
    provenance: json(scan.provenance),
    failure_reason: scan.failureReason,
    failure_evidence: json(scan.failureEvidence),
    error_message: clip(scan.errorMessage, maxMessageLength),
    event_sequence: scan.sequence,
    updated_at: scan.updatedAt,
    queued_at: scan.queuedAt,
    admitted_at: scan.admittedAt,
    started_at: scan.startedAt,
    completed_at: scan.completedAt,
  };
}

/** The columns that stay as they were created. */
export function fixedColumns(scan: Scan): Readonly<Record<string, unknown>> {
  return {
    id: scan.id,
    created_at: scan.createdAt,
    organization_id: scan.organizationId,
    project_id: scan.projectId,
    user_id: scan.userId,
    scan_types: scan.scanTypes,
    repository_url: scan.source.gitUrl,
    branch: scan.source.gitBranch,
    commit_sha: scan.source.gitCommit,
    priority: scan.priority,
  };
}

interface EventRow {
  readonly scan_id: string;
  readonly sequence: number;
  readonly type: ScanEvent['type'];
  readonly from_status: ScanStatus | null;
  readonly to_status: ScanStatus;
  readonly attempt: number;
  readonly actor: string;
  readonly message: string;
  readonly progress: Progress | null;
  readonly failure_reason: FailureReason | null;
  readonly created_at: Date;
}

export function toEvent(row: EventRow): ScanEvent {
  return {
    scanId: row.scan_id,
    sequence: row.sequence,
    type: row.type,
    from: row.from_status,
    to: row.to_status,
    attempt: row.attempt,
    actor: row.actor,
    message: row.message,
    progress: row.progress,
    failureReason: row.failure_reason,
    createdAt: row.created_at,
  };
}

export type { EventRow };

/** Events as one jsonb parameter, under their columns' names. */
export function eventsJson(events: readonly ScanEvent[]): string {
  return toJson(
    events.map((event) => ({
      scan_id: event.scanId,
      sequence: event.sequence,
      type: event.type,
      from_status: event.from,
      to_status: event.to,
      attempt: event.attempt,
      actor: event.actor,
      message: clip(event.message, maxMessageLength),
      progress: event.progress,
      failure_reason: event.failureReason,
      created_at: event.createdAt,
    })),
  )!;
}

/**
 * A scan's id with the moment in it: the two halves of its primary key, by which a look-up touches one partition.
 * Null for what cannot be a scan's id.
 */
export function scanKey(id: string): readonly [id: string, createdAt: Date] | null {
  const createdAt = uuidV7Time(id);
  return createdAt === null ? null : [id, createdAt];
}
