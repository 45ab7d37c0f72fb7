import type { FindingDraft } from '@cloudscan/domain';

/** Of cloudscan-sast 1.2.3. */
export function aFinding(overrides: Partial<FindingDraft> = {}): FindingDraft {
  return {
    scanType: 'sast',
    toolName: 'cloudscan-sast',
    toolVersion: '1.2.3',
    ruleId: 'js/eval',
    severity: 'high',
    title: 'Code is built from input',
    description: 'eval({input}) runs what a caller sends.',
    filePath: 'src/my app/index.ts',
    startLine: 3,
    endLine: 4,
    startColumn: 5,
    endColumn: 20,
    codeSnippet: 'eval(input)',
    cveId: '',
    cweId: 'CWE-95',
    cvssScore: 0,
    cvssVector: '',
    packageName: '',
    packageVersion: '',
    fixedVersion: '',
    license: '',
    licenseCategory: '',
    remediation: 'Parse the input instead.',
    references: ['https://cwe.mitre.org/data/definitions/95.html'],
    rawOutput: '',
    fingerprint: 'ab12',
    ...overrides,
  };
}
