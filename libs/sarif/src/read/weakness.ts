import type { JsonNode } from './json-node.ts';

/** `CWE-79` out of `CWE-79`, `external/cwe/cwe-079` or `CWE-79: Cross-site scripting`; null for another text. */
export function cweOf(text: string): string | null {
  const digits = /(?:^|[^a-z])cwe[-_:/ ]{0,2}0*(\d{1,5})\b/i.exec(text)?.[1];
  return digits === undefined ? null : `CWE-${digits}`;
}

/** `CVE-2021-44228` out of a text; null without one. */
export function cveOf(text: string): string | null {
  return /\bCVE-\d{4}-\d{4,}\b/i.exec(text)?.[0].toUpperCase() ?? null;
}

/** The texts of a property that is a text or a list of texts; nothing for a property of another kind: property bags hold anything. */
export function textsOf({ value }: JsonNode): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
