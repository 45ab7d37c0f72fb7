import type { Finding, ScanType, Severity } from '@cloudscan/domain';
import { storable } from '../text.ts';

export interface FindingRow {
  readonly id: string;
  readonly scan_id: string;
  readonly organization_id: string;
  readonly run_id: string;
  readonly scan_type: ScanType;
  readonly tool_name: string;
  readonly tool_version: string;
  readonly rule_id: string;
  readonly severity: Severity;
  readonly severity_rank: number;
  readonly title: string;
  readonly description: string;
  readonly file_path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly start_column: number;
  readonly end_column: number;
  readonly code_snippet: string;
  readonly cve_id: string;
  readonly cwe_id: string;
  readonly cvss_score: number;
  readonly cvss_vector: string;
  readonly package_name: string;
  readonly package_version: string;
  readonly fixed_version: string;
  readonly license: string;
  readonly license_category: string;
  readonly remediation: string;
  readonly references: readonly string[];
  readonly raw_output: string;
  readonly fingerprint: string;
  readonly created_at: Date;
}

export function toFinding(row: FindingRow): Finding {
  return {
    id: row.id,
    scanId: row.scan_id,
    organizationId: row.organization_id,
    runId: row.run_id,
    scanType: row.scan_type,
    toolName: row.tool_name,
    toolVersion: row.tool_version,
    ruleId: row.rule_id,
    severity: row.severity,
    title: row.title,
    description: row.description,
    filePath: row.file_path,
    startLine: row.start_line,
    endLine: row.end_line,
    startColumn: row.start_column,
    endColumn: row.end_column,
    codeSnippet: row.code_snippet,
    cveId: row.cve_id,
    cweId: row.cwe_id,
    cvssScore: row.cvss_score,
    cvssVector: row.cvss_vector,
    packageName: row.package_name,
    packageVersion: row.package_version,
    fixedVersion: row.fixed_version,
    license: row.license,
    licenseCategory: row.license_category,
    remediation: row.remediation,
    references: row.references,
    rawOutput: row.raw_output,
    fingerprint: row.fingerprint,
    createdAt: row.created_at,
  };
}

interface FindingColumn {
  readonly name: string;
  readonly type: string;
  readonly of: (finding: Finding) => string | number | Date;
}

function text(name: string, of: (finding: Finding) => string): FindingColumn {
  return { name, type: 'text', of: (finding) => storable(of(finding)) };
}

/** What differs from finding to finding of a batch; each column travels as one array. */
export const findingColumns: readonly FindingColumn[] = [
  { name: 'id', type: 'uuid', of: (finding) => finding.id },
  text('scan_type', (finding) => finding.scanType),
  text('tool_name', (finding) => finding.toolName),
  text('tool_version', (finding) => finding.toolVersion),
  text('rule_id', (finding) => finding.ruleId),
  text('severity', (finding) => finding.severity),
  text('title', (finding) => finding.title),
  text('description', (finding) => finding.description),
  text('file_path', (finding) => finding.filePath),
  { name: 'start_line', type: 'integer', of: (finding) => finding.startLine },
  { name: 'end_line', type: 'integer', of: (finding) => finding.endLine },
  { name: 'start_column', type: 'integer', of: (finding) => finding.startColumn },
  { name: 'end_column', type: 'integer', of: (finding) => finding.endColumn },
  text('code_snippet', (finding) => finding.codeSnippet),
  text('cve_id', (finding) => finding.cveId),
  text('cwe_id', (finding) => finding.cweId),
  { name: 'cvss_score', type: 'numeric', of: (finding) => finding.cvssScore },
  text('cvss_vector', (finding) => finding.cvssVector),
  text('package_name', (finding) => finding.packageName),
  text('package_version', (finding) => finding.packageVersion),
  text('fixed_version', (finding) => finding.fixedVersion),
  text('license', (finding) => finding.license),
  text('license_category', (finding) => finding.licenseCategory),
  text('remediation', (finding) => finding.remediation),
  text('raw_output', (finding) => finding.rawOutput),
  text('fingerprint', (finding) => finding.fingerprint),
  { name: 'created_at', type: 'timestamptz', of: (finding) => finding.createdAt },
];
