import type { organization as organizationWire } from '@cloudscan/contracts';
import { scan as wire } from '@cloudscan/contracts';
import {
  failureReasonOnWire,
  progressToWire,
  scanStatusOnWire,
  scanTypeOnWire,
  severityOnWire,
  toolRunToWire,
  toolStatusOnWire,
} from '@cloudscan/grpc';
import { hasToolFailed, isImported, totalOf } from '@cloudscan/domain';
import type { FailureEvidence, Organization, Project, Scan, ScanEvent } from '@cloudscan/domain';
import type { GivenFinding, GivenToolRun, ImportCutKind, ImportedScan, ScanView } from '@cloudscan/orchestration';

/** A scan whose place in the queue nobody asked for: lists and the answers to a runner. */
export function scanToWire(scan: Scan): wire.Scan {
  return scanViewToWire({ scan, queuePosition: 0 });
}

export function scanViewToWire({ scan, queuePosition }: ScanView): wire.Scan {
  return {
    id: scan.id,
    organizationId: scan.organizationId,
    projectId: scan.projectId,
    status: scanStatusOnWire.toWire(scan.status),
    scanTypes: scan.scanTypes.map((type) => scanTypeOnWire.toWire(type)),
    createdAt: scan.createdAt,
    updatedAt: scan.updatedAt,
    completedAt: scan.completedAt ?? undefined,
    gitUrl: scan.source.gitUrl ?? '',
    gitBranch: scan.source.gitBranch ?? '',
    gitCommit: scan.source.gitCommit ?? '',
    totalFindings: totalOf(scan.findings),
    findingsBySeverity: { ...scan.findings },
    errorMessage: scan.errorMessage,
    attempt: scan.attempt,
    failureReason: failureReasonOnWire.toWire(scan.failureReason),
    queuePosition,
    sourceArtifactId: scan.source.artifactId ?? '',
    resultsArtifactId: scan.resultsArtifactId ?? '',
    userId: scan.userId ?? '',
    startedAt: scan.startedAt ?? undefined,
    tools: scan.tools.map(toolRunToWire),
    progress: progressToWire(scan.progress),
    priority: scan.priority,
    jobName: scan.jobName ?? '',
    failureEvidence: scan.failureEvidence === null ? undefined : evidenceToWire(scan.failureEvidence),
    imported: isImported(scan),
    partial: scan.status === 'completed' && scan.tools.some(hasToolFailed),
  };
}

function evidenceToWire({ exitCode = 0, signal = '', condition = '', message = '', logTail = '' }: FailureEvidence): wire.FailureEvidence {
  return { exitCode, signal, condition, message, logTail };
}

export function eventToWire(event: ScanEvent): wire.ScanEvent {
  return {
    scanId: event.scanId,
    sequence: BigInt(event.sequence),
    type: eventTypes[event.type],
    fromStatus: scanStatusOnWire.toWire(event.from),
    toStatus: scanStatusOnWire.toWire(event.to),
    attempt: event.attempt,
    actor: event.actor,
    message: event.message,
    progress: progressToWire(event.progress),
    createdAt: event.createdAt,
    failureReason: failureReasonOnWire.toWire(event.failureReason),
  };
}

const eventTypes = {
  transition: wire.ScanEventType.SCAN_EVENT_TYPE_TRANSITION,
  progress: wire.ScanEventType.SCAN_EVENT_TYPE_PROGRESS,
} as const satisfies Record<ScanEvent['type'], wire.ScanEventType>;

/** What the server draws itself (id, scan, time, run) is not read. */
export function findingFromWire(finding: wire.Finding): GivenFinding {
  return {
    scanType: scanTypeOnWire.fromWire(finding.scanType),
    severity: severityOnWire.fromWire(finding.severity),
    toolName: finding.toolName,
    toolVersion: finding.toolVersion,
    ruleId: finding.ruleId,
    title: finding.title,
    description: finding.description,
    filePath: finding.filePath,
    startLine: finding.lineNumber,
    endLine: finding.endLine,
    startColumn: finding.startColumn,
    endColumn: finding.endColumn,
    codeSnippet: finding.codeSnippet,
    cveId: finding.cveId,
    cweId: finding.cweId,
    cvssScore: finding.cvssScore,
    cvssVector: finding.cvssVector,
    packageName: finding.packageName,
    packageVersion: finding.packageVersion,
    fixedVersion: finding.fixedVersion,
    license: finding.license,
    licenseCategory: finding.licenseCategory,
    remediation: finding.remediation,
    references: finding.references,
    rawOutput: finding.rawOutput,
    fingerprint: finding.fingerprint,
  };
}

export function toolRunFromWire(run: wire.ToolRun): GivenToolRun {
  return {
    name: run.name,
    version: run.version,
    scanType: scanTypeOnWire.fromWire(run.scanType),
    status: toolStatusOnWire.fromWire(run.status),
    durationMs: Number(run.durationMs),
    findingsCount: run.findingsCount,
    exitCode: run.exitCode,
    errorMessage: run.errorMessage,
    rulesVersion: run.rulesVersion,
    evidence: run.evidence,
  };
}

const importCutKinds = {
  results: wire.ImportCutKind.IMPORT_CUT_KIND_RESULTS,
  locations: wire.ImportCutKind.IMPORT_CUT_KIND_LOCATIONS,
  texts: wire.ImportCutKind.IMPORT_CUT_KIND_TEXTS,
} as const satisfies Record<ImportCutKind, wire.ImportCutKind>;

export function importedToWire({ scan, runs, cuts, upload }: ImportedScan): wire.ImportSarifResponse {
  return {
    scan: scanToWire(scan),
    runs: runs.map((run) => ({ ...run })),
    cuts: cuts.map((cut) => ({ ...cut, kind: importCutKinds[cut.kind], count: BigInt(cut.count) })),
    uploadUrl: upload?.upload.url ?? '',
    uploadHeaders: { ...upload?.upload.headers },
    uploadExpiresAt: upload?.upload.expiresAt,
    artifactId: upload?.artifactId ?? '',
  };
}

export function organizationToWire(organization: Organization): organizationWire.Organization {
  return { ...organization };
}

export function projectToWire(project: Project): organizationWire.Project {
  return { ...project };
}
