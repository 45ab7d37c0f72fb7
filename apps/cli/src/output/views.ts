import { scan as wire } from '@cloudscan/contracts';
import type { storage } from '@cloudscan/contracts';
import {
  artifactStatusOnWire,
  artifactTypeOnWire,
  failureReasonOnWire,
  scanStatusOnWire,
  scanTypeOnWire,
  severityOnWire,
  toolStatusOnWire,
} from '@cloudscan/grpc';

/**
 * What `--json` and `--format json` print: the fields of the contract in snake_case, enums as lower-case names, times in
 * RFC 3339, and null for what is not there.
 */
export function scanView(scan: wire.Scan) {
  return {
    id: scan.id,
    organization_id: scan.organizationId,
    project_id: scan.projectId,
    status: scanStatusOnWire.fromWire(scan.status) ?? null,
    partial: scan.partial,
    scan_types: scan.scanTypes.map((type) => scanTypeOnWire.fromWire(type)),
    attempt: scan.attempt,
    queue_position: scan.queuePosition || null,
    total_findings: scan.totalFindings,
    findings_by_severity: scan.findingsBySeverity,
    git_url: scan.gitUrl || null,
    git_branch: scan.gitBranch || null,
    git_commit: scan.gitCommit || null,
    source_artifact_id: scan.sourceArtifactId || null,
    results_artifact_id: scan.resultsArtifactId || null,
    imported: scan.imported,
    progress: scan.progress ?? null,
    failure_reason: failureReasonOnWire.fromWire(scan.failureReason) ?? null,
    error_message: scan.errorMessage || null,
    created_at: timeView(scan.createdAt),
    started_at: timeView(scan.startedAt),
    completed_at: timeView(scan.completedAt),
    updated_at: timeView(scan.updatedAt),
  };
}

export function toolView(tool: wire.ToolRun) {
  return {
    name: tool.name,
    version: tool.version,
    rules_version: tool.rulesVersion || null,
    scan_type: scanTypeOnWire.fromWire(tool.scanType) ?? null,
    status: toolStatusOnWire.fromWire(tool.status) ?? null,
    duration_ms: Number(tool.durationMs),
    findings_count: tool.findingsCount,
    exit_code: tool.exitCode,
    error_message: tool.errorMessage || null,
    evidence: tool.evidence || null,
  };
}

export function findingView(finding: wire.Finding) {
  return {
    id: finding.id,
    scan_type: scanTypeOnWire.fromWire(finding.scanType) ?? null,
    severity: severityOnWire.fromWire(finding.severity) ?? null,
    rule_id: finding.ruleId,
    title: finding.title,
    description: finding.description,
    file_path: finding.filePath || null,
    start_line: finding.lineNumber || null,
    end_line: finding.endLine || null,
    start_column: finding.startColumn || null,
    end_column: finding.endColumn || null,
    code_snippet: finding.codeSnippet || null,
    cve_id: finding.cveId || null,
    cwe_id: finding.cweId || null,
    cvss_score: finding.cvssScore || null,
    cvss_vector: finding.cvssVector || null,
    package_name: finding.packageName || null,
    package_version: finding.packageVersion || null,
    fixed_version: finding.fixedVersion || null,
    license: finding.license || null,
    license_category: finding.licenseCategory || null,
    remediation: finding.remediation || null,
    references: finding.references,
    tool_name: finding.toolName,
    tool_version: finding.toolVersion,
    fingerprint: finding.fingerprint,
  };
}

export function importedRunView(run: wire.ImportedRun) {
  return {
    tool_name: run.toolName,
    tool_version: run.toolVersion,
    results: run.results,
    kept: run.kept,
    suppressed: run.suppressed,
    absent: run.absent,
    passed: run.passed,
  };
}

const importCutKinds: Readonly<Record<number, string>> = {
  [wire.ImportCutKind.IMPORT_CUT_KIND_RESULTS]: 'results',
  [wire.ImportCutKind.IMPORT_CUT_KIND_LOCATIONS]: 'locations',
  [wire.ImportCutKind.IMPORT_CUT_KIND_TEXTS]: 'texts',
};

export function importCutView(cut: wire.ImportCut) {
  return {
    kind: importCutKinds[cut.kind] ?? null,
    run_index: cut.runIndex,
    count: Number(cut.count),
    limit: cut.limit || null,
    first_path: cut.firstPath,
  };
}

export function artifactView(artifact: storage.Artifact) {
  return {
    id: artifact.id,
    scan_id: artifact.scanId,
    type: artifactTypeOnWire.fromWire(artifact.type) ?? null,
    status: artifactStatusOnWire.fromWire(artifact.status) ?? null,
    filename: artifact.filename,
    content_type: artifact.contentType,
    size_bytes: Number(artifact.sizeBytes),
    sha256: artifact.sha256 || null,
    created_at: timeView(artifact.createdAt),
    expires_at: timeView(artifact.expiresAt),
  };
}

export function eventView(event: wire.ScanEvent) {
  return {
    sequence: Number(event.sequence),
    type: event.type === wire.ScanEventType.SCAN_EVENT_TYPE_PROGRESS ? 'progress' : 'transition',
    from: scanStatusOnWire.fromWire(event.fromStatus) ?? null,
    to: scanStatusOnWire.fromWire(event.toStatus) ?? null,
    attempt: event.attempt,
    actor: event.actor,
    message: event.message,
    progress: event.progress ?? null,
    failure_reason: failureReasonOnWire.fromWire(event.failureReason) ?? null,
    created_at: timeView(event.createdAt),
  };
}

export function timeView(time: Date | undefined): string | null {
  return time?.toISOString() ?? null;
}
