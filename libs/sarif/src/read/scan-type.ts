import type { FindingDraft, ScanType } from '@cloudscan/domain';

/** Words of tags and of tools' names, and the kind of scan that they speak of. */
const words: readonly (readonly [ScanType, RegExp])[] = [
  ['secrets', /\bsecrets?\b|gitleaks|trufflehog|secretlint|detect-secrets/i],
  ['license', /\blicen[cs]es?\b|scancode|licensee|fossa/i],
  ['sca', /\bsca\b|\bdependenc(?:y|ies)\b|trivy|grype|osv-scanner|dependency-check|pip-audit|govulncheck|snyk open source/i],
];

/** What kind of scan a result comes from: by its package or CVE, by its tags, by its tool; static analysis where nothing tells. */
export function judgeScanType(
  draft: Pick<FindingDraft, 'cveId' | 'packageName' | 'license' | 'toolName'>,
  tags: readonly string[],
): ScanType {
  if (draft.license !== '') return 'license';
  if (draft.cveId !== '' || draft.packageName !== '') return 'sca';
  const told =
    words.find(([, pattern]) => tags.some((tag) => pattern.test(tag))) ?? words.find(([, pattern]) => pattern.test(draft.toolName));
  return told?.[0] ?? 'sast';
}
