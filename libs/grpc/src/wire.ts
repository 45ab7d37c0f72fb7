import { scan as wire, storage } from '@cloudscan/contracts';
import type {
  Artifact,
  ArtifactStatus,
  ArtifactType,
  FailureReason,
  Finding,
  FindingDraft,
  Progress,
  ScanStatus,
  ScanType,
  Severity,
  ToolRun,
  ToolStatus,
} from '@cloudscan/domain';

/** Translates between a domain's closed list and a wire enum whose 0 means "not said". */
export interface WireEnum<Domain extends string, Wire extends number> {
  toWire(value: Domain | null): Wire;
  /** Null for 0; undefined for a number that the contract does not know. */
  fromWire(value: number): Domain | null | undefined;
}

function wireEnum<Domain extends string, Wire extends number>(numbers: Readonly<Record<Domain, Wire>>): WireEnum<Domain, Wire> {
  const names = new Map<number, Domain>(Object.entries(numbers).map(([name, number]) => [number as number, name as Domain]));
  return {
    toWire: (value) => (value === null ? (0 as Wire) : numbers[value]),
    fromWire: (value) => (value === 0 ? null : names.get(value)),
  };
}

export const scanStatusOnWire: WireEnum<ScanStatus, wire.ScanStatus> = wireEnum({
  pending: wire.ScanStatus.PENDING,
  queued: wire.ScanStatus.QUEUED,
  running: wire.ScanStatus.RUNNING,
  completed: wire.ScanStatus.COMPLETED,
  failed: wire.ScanStatus.FAILED,
  cancelled: wire.ScanStatus.CANCELLED,
});

export const scanTypeOnWire: WireEnum<ScanType, wire.ScanType> = wireEnum({
  sast: wire.ScanType.SAST,
  sca: wire.ScanType.SCA,
  secrets: wire.ScanType.SECRETS,
  license: wire.ScanType.LICENSE,
});

export const severityOnWire: WireEnum<Severity, wire.Severity> = wireEnum({
  critical: wire.Severity.CRITICAL,
  high: wire.Severity.HIGH,
  medium: wire.Severity.MEDIUM,
  low: wire.Severity.LOW,
  info: wire.Severity.INFO,
});

export const failureReasonOnWire: WireEnum<FailureReason, wire.FailureReason> = wireEnum({
  tool_error: wire.FailureReason.FAILURE_REASON_TOOL_ERROR,
  oom_killed: wire.FailureReason.FAILURE_REASON_OOM_KILLED,
  evicted: wire.FailureReason.FAILURE_REASON_EVICTED,
  preempted: wire.FailureReason.FAILURE_REASON_PREEMPTED,
  image_pull: wire.FailureReason.FAILURE_REASON_IMAGE_PULL,
  unschedulable: wire.FailureReason.FAILURE_REASON_UNSCHEDULABLE,
  deadline_exceeded: wire.FailureReason.FAILURE_REASON_DEADLINE_EXCEEDED,
  source_missing: wire.FailureReason.FAILURE_REASON_SOURCE_MISSING,
  source_invalid: wire.FailureReason.FAILURE_REASON_SOURCE_INVALID,
  quota: wire.FailureReason.FAILURE_REASON_QUOTA,
  runner_lost: wire.FailureReason.FAILURE_REASON_RUNNER_LOST,
  cancelled: wire.FailureReason.FAILURE_REASON_CANCELLED,
  internal: wire.FailureReason.FAILURE_REASON_INTERNAL,
});

export const toolStatusOnWire: WireEnum<ToolStatus, wire.ToolStatus> = wireEnum({
  succeeded: wire.ToolStatus.TOOL_STATUS_SUCCEEDED,
  failed: wire.ToolStatus.TOOL_STATUS_FAILED,
  timed_out: wire.ToolStatus.TOOL_STATUS_TIMED_OUT,
  skipped: wire.ToolStatus.TOOL_STATUS_SKIPPED,
  out_of_memory: wire.ToolStatus.TOOL_STATUS_OUT_OF_MEMORY,
  killed: wire.ToolStatus.TOOL_STATUS_KILLED,
});

export const artifactTypeOnWire: WireEnum<ArtifactType, storage.ArtifactType> = wireEnum({
  source_code: storage.ArtifactType.SOURCE_CODE,
  scan_results: storage.ArtifactType.SCAN_RESULTS,
  report: storage.ArtifactType.REPORT,
  log: storage.ArtifactType.LOG,
});

export const artifactStatusOnWire: WireEnum<ArtifactStatus, storage.ArtifactStatus> = wireEnum({
  created: storage.ArtifactStatus.ARTIFACT_STATUS_CREATED,
  available: storage.ArtifactStatus.ARTIFACT_STATUS_AVAILABLE,
  deleting: storage.ArtifactStatus.ARTIFACT_STATUS_DELETING,
});

/** A finding as a runner sends it: the server draws the id and the time. */
export function findingDraftToWire(draft: FindingDraft): wire.Finding {
  return {
    id: '',
    scanId: '',
    createdAt: undefined,
    runId: '',
    scanType: scanTypeOnWire.toWire(draft.scanType),
    severity: severityOnWire.toWire(draft.severity),
    title: draft.title,
    description: draft.description,
    filePath: draft.filePath,
    lineNumber: draft.startLine,
    endLine: draft.endLine,
    startColumn: draft.startColumn,
    endColumn: draft.endColumn,
    codeSnippet: draft.codeSnippet,
    cveId: draft.cveId,
    cweId: draft.cweId,
    references: [...draft.references],
    ruleId: draft.ruleId,
    toolName: draft.toolName,
    toolVersion: draft.toolVersion,
    cvssScore: draft.cvssScore,
    cvssVector: draft.cvssVector,
    packageName: draft.packageName,
    packageVersion: draft.packageVersion,
    fixedVersion: draft.fixedVersion,
    license: draft.license,
    licenseCategory: draft.licenseCategory,
    remediation: draft.remediation,
    rawOutput: draft.rawOutput,
    fingerprint: draft.fingerprint,
  };
}

export function findingToWire(finding: Finding): wire.Finding {
  return { ...findingDraftToWire(finding), id: finding.id, scanId: finding.scanId, runId: finding.runId, createdAt: finding.createdAt };
}

export function toolRunToWire(run: ToolRun): wire.ToolRun {
  return {
    name: run.name,
    version: run.version,
    scanType: scanTypeOnWire.toWire(run.scanType),
    status: toolStatusOnWire.toWire(run.status),
    durationMs: BigInt(Math.round(run.durationMs)),
    findingsCount: run.findingsCount,
    exitCode: run.exitCode,
    errorMessage: run.errorMessage,
    rulesVersion: run.rulesVersion,
    evidence: run.evidence,
  };
}

export function progressToWire(progress: Progress | null): wire.Progress | undefined {
  return progress === null ? undefined : { ...progress };
}

export function artifactToWire(artifact: Artifact): storage.Artifact {
  return {
    id: artifact.id,
    scanId: artifact.scanId,
    organizationId: artifact.organizationId,
    type: artifactTypeOnWire.toWire(artifact.type),
    filename: artifact.filename,
    sizeBytes: BigInt(artifact.sizeBytes),
    contentType: artifact.contentType,
    storagePath: artifact.storagePath,
    createdAt: artifact.createdAt,
    expiresAt: artifact.expiresAt,
    status: artifactStatusOnWire.toWire(artifact.status),
    sha256: artifact.sha256,
  };
}
