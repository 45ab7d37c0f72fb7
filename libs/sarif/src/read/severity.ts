import { severityOfCvss } from '@cloudscan/domain';
import type { Severity } from '@cloudscan/domain';

/** SARIF section 3.27.10. */
export const levels = ['none', 'note', 'warning', 'error'] as const;
export type Level = (typeof levels)[number];

export const severityOfLevel = { error: 'high', warning: 'medium', note: 'low', none: 'info' } as const satisfies Record<Level, Severity>;

/** How severe a result is: by its rule's `security-severity`, a score of the bands of CVSS, where there is one, else by its level. */
export function severityOf(securitySeverity: number | null, level: Level): Severity {
  return securitySeverity === null ? severityOfLevel[level] : severityOfCvss(securitySeverity);
}

/** A number from 0 to 10, or the text of one, as code scanning has it; null for anything else. */
export function readSecuritySeverity(value: unknown): number | null {
  const score = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof score === 'number' && score >= 0 && score <= 10 ? score : null;
}
