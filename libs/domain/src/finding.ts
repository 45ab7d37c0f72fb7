import type { ScanType } from './scan.ts';
import type { Severity } from './severity.ts';

/** What a scanner reports, before it belongs to a scan. Text that a tool did not give is empty; numbers are 0. */
export interface FindingDraft {
  readonly scanType: ScanType;
  readonly toolName: string;
  readonly toolVersion: string;
  readonly ruleId: string;
  readonly severity: Severity;
  readonly title: string;
  readonly description: string;
  /** Relative to the source's root, forward slashes. */
  readonly filePath: string;
  /** Lines and columns are 1-based; the end line is inclusive, the end column exclusive; 0 means none. */
  readonly startLine: number;
  readonly endLine: number;
  readonly startColumn: number;
  readonly endColumn: number;
  /** Redacted where it holds a secret. */
  readonly codeSnippet: string;
  readonly cveId: string;
  readonly cweId: string;
  /** 0.0 to 10.0. */
  readonly cvssScore: number;
  readonly cvssVector: string;
  readonly packageName: string;
  readonly packageVersion: string;
  readonly fixedVersion: string;
  /** An SPDX expression. */
  readonly license: string;
  /** What the licence asks for, for example `weak-copyleft`. */
  readonly licenseCategory: string;
  readonly remediation: string;
  readonly references: readonly string[];
  /** The tool's own record as JSON, capped at 16 KiB. */
  readonly rawOutput: string;
  /** Stable across scans of the same code: lower-case hexadecimal. */
  readonly fingerprint: string;
}

export interface Finding extends FindingDraft {
  /** UUIDv7. */
  readonly id: string;
  readonly scanId: string;
  readonly organizationId: string;
  readonly runId: string;
  readonly createdAt: Date;
}
