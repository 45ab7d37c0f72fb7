import { createHash } from 'node:crypto';
import { scanTypes, severities } from '@cloudscan/domain';
import type { FindingDraft, ScanType, Severity } from '@cloudscan/domain';
import { clip } from './clip.ts';
import type { Given, RequestReader } from './request-reader.ts';

/** A finding as a runner sends it. */
export interface GivenFinding extends Omit<FindingDraft, 'scanType' | 'severity'> {
  readonly scanType: Given<ScanType>;
  readonly severity: Given<Severity>;
}

/** Findings of one message; more do not fit into a message of the usual size anyway. */
export const maxFindingsPerBatch = 10_000;

/** Characters that free text is cut to. */
const freeText = { title: 500, description: 20_000, codeSnippet: 8_000, remediation: 8_000 } as const;
/** Characters that the names of things have at most; a name that was cut would be another one. */
const names = entries({
  toolName: ['tool_name', 100],
  toolVersion: ['tool_version', 100],
  ruleId: ['rule_id', 500],
  filePath: ['file_path', 4096],
  cveId: ['cve_id', 100],
  cweId: ['cwe_id', 200],
  cvssVector: ['cvss_vector', 300],
  packageName: ['package_name', 500],
  packageVersion: ['package_version', 200],
  fixedVersion: ['fixed_version', 500],
  license: ['license', 1000],
  licenseCategory: ['license_category', 100],
} as const);
const positions = entries({
  startLine: 'line_number',
  endLine: 'end_line',
  startColumn: 'start_column',
  endColumn: 'end_column',
} as const);
const maxPosition = 2 ** 31 - 1;
const maxReferences = 100;
const maxReferenceLength = 2048;
const maxRawOutputBytes = 16 * 1024;

/**
 * Reads a batch of findings. Text that a person reads is cut to its limit; a name or a number that is wrong refuses the
 * whole batch. A finding without a fingerprint, as older runners send them, gets one of its rule, place and code.
 */
export function readFindings(reader: RequestReader, given: readonly GivenFinding[]): FindingDraft[] {
  if (given.length > maxFindingsPerBatch) {
    reader.wrong('findings', `holds ${given.length} findings; send at most ${maxFindingsPerBatch} in one message`);
    return [];
  }
  return given.map((finding, index) => readFinding(reader, `findings[${index}]`, finding));
}

function readFinding(reader: RequestReader, field: string, given: GivenFinding): FindingDraft {
  const scanType = reader.member(`${field}.scan_type`, given.scanType, scanTypes);
  const severity = reader.member(`${field}.severity`, given.severity, severities);
  if (given.title === '') reader.wrong(`${field}.title`, 'is empty');
  // A batch has some 150,000 fields: they get their names only where they are wrong.
  for (const [key, [name, max]] of names) {
    const text = given[key];
    if (text.length > max || text.includes('\0')) reader.text(`${field}.${name}`, text, { max });
  }
  for (const [key, name] of positions) {
    const value = given[key];
    if (!Number.isSafeInteger(value) || value < 0 || value > maxPosition)
      reader.integer(`${field}.${name}`, value, { min: 0, max: maxPosition });
  }
  if (!(given.cvssScore >= 0 && given.cvssScore <= 10)) reader.wrong(`${field}.cvss_score`, `is ${given.cvssScore}; give 0.0 to 10.0`);
  readReferences(reader, `${field}.references`, given.references);
  reader.line(`${field}.fingerprint`, given.fingerprint, {
    max: 128,
    form: { pattern: /^[0-9a-f]{16,128}$/, description: '16 to 128 lower-case hexadecimal digits' },
  });
  const draft: FindingDraft = {
    ...given,
    scanType,
    severity,
    title: clip(given.title, freeText.title),
    description: clip(given.description, freeText.description),
    codeSnippet: clip(given.codeSnippet, freeText.codeSnippet),
    remediation: clip(given.remediation, freeText.remediation),
    rawOutput: rawOutputOf(given.rawOutput),
  };
  return withFingerprint(draft);
}

function readReferences(reader: RequestReader, field: string, references: readonly string[]): void {
  if (references.length > maxReferences) reader.wrong(field, `holds ${references.length} references; at most ${maxReferences} are allowed`);
  else references.forEach((reference, index) => reader.line(`${field}[${index}]`, reference, { max: maxReferenceLength, required: true }));
}

/** JSON that is cut is no JSON: a record that is too large is left out. */
function rawOutputOf(text: string): string {
  return text !== '' && Buffer.byteLength(text) <= maxRawOutputBytes && isJson(text) ? text : '';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A finding without a fingerprint gets one of its rule, place and code. */
export function withFingerprint(draft: FindingDraft): FindingDraft {
  return draft.fingerprint === '' ? { ...draft, fingerprint: fingerprintOf(draft) } : draft;
}

/** Not of the line: code that moves within its file keeps its fingerprint. */
function fingerprintOf({ scanType, ruleId, cveId, cweId, title, filePath, packageName, codeSnippet }: FindingDraft): string {
  const parts = [scanType, ruleId || cveId || cweId || title, filePath, packageName, codeSnippet.replace(/\s+/g, ' ').trim()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function entries<const K extends string, const V>(record: Readonly<Record<K, V>>): readonly [K, V][] {
  return Object.entries(record) as [K, V][];
}
