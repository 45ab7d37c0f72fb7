import type { FindingDraft } from './finding.ts';

/** Characters (UTF-16 code units) that the orchestrator takes of each; one that is too long would refuse its whole batch. */
const maxLengths = {
  toolName: 100,
  toolVersion: 100,
  ruleId: 500,
  title: 500,
  description: 20_000,
  filePath: 4096,
  codeSnippet: 8000,
  cveId: 100,
  cweId: 200,
  cvssVector: 300,
  packageName: 500,
  packageVersion: 200,
  fixedVersion: 500,
  license: 1000,
  licenseCategory: 100,
  remediation: 8000,
} as const satisfies Partial<Record<keyof FindingDraft, number>>;

const texts = Object.entries(maxLengths) as readonly [keyof typeof maxLengths, number][];
const maxReferences = 100;
const maxReferenceLength = 2048;
const maxRawOutputBytes = 16 * 1024;
const maxPosition = 2 ** 31 - 1;

/**
 * A finding as every reader can take it, whatever its tool wrote: texts cut to their limits, without NUL (PostgreSQL holds none)
 * and lone surrogates (UTF-8 has no form for them), a title where there was none, positions that are positions.
 */
export function presentableFinding(finding: FindingDraft): FindingDraft {
  const { cvssScore, references, rawOutput, fingerprint } = finding;
  const cleaned: Partial<Record<keyof typeof maxLengths, string>> = {};
  // Nearly every text is presentable as it is, and there may be a million findings.
  for (const [key, max] of texts) if (!isClean(finding[key], max)) cleaned[key] = clean(finding[key], max);
  return {
    ...finding,
    ...cleaned,
    title: clean(finding.title || finding.ruleId || 'Finding', maxLengths.title),
    startLine: position(finding.startLine),
    endLine: position(finding.endLine),
    startColumn: position(finding.startColumn),
    endColumn: position(finding.endColumn),
    cvssScore: cvssScore >= 0 && cvssScore <= 10 ? cvssScore : 0,
    references: references
      .filter((each) => each !== '' && each.length <= maxReferenceLength && !/[\u0000-\u001f\u007f]/.test(each))
      .slice(0, maxReferences),
    rawOutput: Buffer.byteLength(rawOutput) <= maxRawOutputBytes ? clean(rawOutput, maxRawOutputBytes) : '',
    fingerprint: /^[0-9a-f]{16,128}$/.test(fingerprint) ? fingerprint : '',
  };
}

function isClean(text: string, max: number): boolean {
  return text.length <= max && !text.includes('\0') && text.isWellFormed();
}

function clean(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text;
  return cut.replaceAll('\0', '\uFFFD').toWellFormed();
}

function position(value: number): number {
  return Number.isInteger(value) && value > 0 && value <= maxPosition ? value : 0;
}
