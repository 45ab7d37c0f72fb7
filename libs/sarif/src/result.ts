import { severityOfCvss } from '@cloudscan/domain';
import type { FindingDraft, Severity } from '@cloudscan/domain';
import type { Location, ReportingDescriptor, Result } from 'sarif';
import { artifactUri } from './uri.ts';

/** The base of every artifact URI in a log: the root of the scanned source. */
export const sourceRoot = 'SRCROOT';

/** The key under which a finding's fingerprint stands; the number changes with the way it is computed (SARIF section 3.27.17). */
export const fingerprintKey = 'cloudscanFingerprint/v1';

/** Code scanning shows a rule under the severity whose band holds this score. */
const scoreOfSeverity = { critical: 9.5, high: 8, medium: 5.5, low: 2.5, info: 0 } as const satisfies Record<Severity, number>;

export function levelOf(severity: Severity): 'error' | 'warning' | 'note' {
  switch (severity) {
    case 'critical':
    case 'high':
      return 'error';
    case 'medium':
      return 'warning';
    case 'low':
    case 'info':
      return 'note';
  }
}

/** One result (SARIF section 3.27). */
export function toResult(finding: FindingDraft, ruleIndex: number): Result {
  return {
    ruleId: finding.ruleId,
    ruleIndex,
    level: levelOf(finding.severity),
    message: { text: messageText(finding.description || finding.title || finding.ruleId) },
    ...(finding.filePath === '' ? {} : { locations: [toLocation(finding)] }),
    ...(finding.fingerprint === '' ? {} : { partialFingerprints: { [fingerprintKey]: finding.fingerprint } }),
    // What is undefined is not written.
    properties: {
      severity: finding.severity,
      scanType: finding.scanType,
      title: finding.title || undefined,
      cveId: finding.cveId || undefined,
      cweId: finding.cweId || undefined,
      cvssScore: finding.cvssScore || undefined,
      cvssVector: finding.cvssVector || undefined,
      packageName: finding.packageName || undefined,
      packageVersion: finding.packageVersion || undefined,
      fixedVersion: finding.fixedVersion || undefined,
      license: finding.license || undefined,
      licenseCategory: finding.licenseCategory || undefined,
      remediation: finding.remediation || undefined,
      references: finding.references.length === 0 ? undefined : finding.references,
    },
  };
}

/** The rule as its first finding describes it (SARIF section 3.49). */
export function toRule(finding: FindingDraft): ReportingDescriptor {
  const helpUri = finding.references.find((reference) => /^https?:\/\//.test(reference) && URL.canParse(reference));
  const help = [finding.remediation, ...finding.references.map((reference) => `- ${reference}`)].filter((line) => line !== '').join('\n');
  return {
    id: finding.ruleId,
    shortDescription: { text: messageText(finding.title || finding.ruleId) },
    ...(finding.description === '' ? {} : { fullDescription: { text: messageText(finding.description) } }),
    ...(help === '' ? {} : { help: { text: messageText(help) } }),
    ...(helpUri === undefined ? {} : { helpUri: new URL(helpUri).href }),
    defaultConfiguration: { level: levelOf(finding.severity) },
    properties: { 'security-severity': securitySeverity(finding), tags: tagsOf(finding) },
  };
}

/** Braces are doubled in every message string (SARIF section 3.11.5), since single ones hold placeholders. */
export function messageText(text: string): string {
  return text.replace(/[{}]/g, '$&$&');
}

function toLocation(finding: FindingDraft): Location {
  const { startLine, endLine, startColumn, endColumn, codeSnippet } = finding;
  return {
    physicalLocation: {
      artifactLocation: { uri: artifactUri(finding.filePath), uriBaseId: sourceRoot },
      ...(startLine < 1
        ? {}
        : {
            region: {
              startLine,
              ...(endLine < startLine ? {} : { endLine }),
              ...(startColumn < 1 ? {} : { startColumn }),
              ...(endColumn < 1 ? {} : { endColumn }),
              ...(codeSnippet === '' ? {} : { snippet: { text: codeSnippet } }),
            },
          }),
    },
  };
}

/** The finding's CVSS score where it agrees with its severity; a text, as code scanning wants it. */
function securitySeverity({ cvssScore, severity }: FindingDraft): string {
  const score = cvssScore > 0 && severityOfCvss(cvssScore) === severity ? cvssScore : scoreOfSeverity[severity];
  return score.toFixed(1);
}

function tagsOf({ scanType, cweId }: FindingDraft): string[] {
  const cwe = /^CWE-(\d+)$/i.exec(cweId)?.[1];
  return ['security', scanType, ...(cwe === undefined ? [] : [`external/cwe/cwe-${cwe.padStart(3, '0')}`])];
}
