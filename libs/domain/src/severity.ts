/** Most severe first; the position is the severity's rank. */
export const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type Severity = (typeof severities)[number];

export type SeverityCounts = Readonly<Record<Severity, number>>;

/** 0 for critical to 4 for info, the order in which findings are listed. */
export function severityRank(severity: Severity): number {
  return severities.indexOf(severity);
}

export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return severityRank(severity) <= severityRank(threshold);
}

/** CVSS v3.1 qualitative rating scale (specification, section 5); 0.0 is `info`. */
export function severityOfCvss(score: number): Severity {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  if (score > 0) return 'low';
  return 'info';
}

export function noFindings(): Record<Severity, number> {
  return { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
}

export function countBySeverity(findings: Iterable<{ readonly severity: Severity }>): SeverityCounts {
  const counts = noFindings();
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

export function totalOf(counts: SeverityCounts): number {
  return severities.reduce((sum, severity) => sum + counts[severity], 0);
}
