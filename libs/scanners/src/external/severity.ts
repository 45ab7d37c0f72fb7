import { severities, severityOfCvss, severityRank } from '@cloudscan/domain';
import type { Severity } from '@cloudscan/domain';
import type { LicenseCategory } from '../license/categories.ts';

/** What Semgrep's rules say of themselves: the four levels of newer ones, the three of older ones, and two that are no flaws. */
export const semgrepLevels = {
  CRITICAL: 'critical',
  HIGH: 'high',
  MEDIUM: 'medium',
  LOW: 'low',
  ERROR: 'high',
  WARNING: 'medium',
  INFO: 'low',
  INVENTORY: 'info',
  EXPERIMENT: 'info',
} as const satisfies Readonly<Record<string, Severity>>;

/** The levels whose rule's metadata moves them a step; the newer ones have been weighed by who wrote the rule. */
export const semgrepOldLevels = ['ERROR', 'WARNING', 'INFO'] as const;

export interface SemgrepWeights {
  readonly impact: string;
  readonly likelihood: string;
  readonly confidence: string;
  /** CVSS-like, 0.0 to 10.0, as GitHub code scanning reads it; null where the rule has none. */
  readonly securitySeverity: number | null;
}

/**
 * `security-severity` by the bands of CVSS, or else the level; of an old level a step up where impact and likelihood are both HIGH, and a
 * step down where likelihood and confidence are both LOW. A level that nobody knows is `medium`.
 */
export function semgrepSeverity(level: string, weights: SemgrepWeights): Severity {
  if (weights.securitySeverity !== null) return severityOfCvss(weights.securitySeverity);
  const severity = lookUp(semgrepLevels, level) ?? 'medium';
  if (!(semgrepOldLevels as readonly string[]).includes(level)) return severity;
  if (weights.impact === 'HIGH' && weights.likelihood === 'HIGH') return stepped(severity, -1);
  if (weights.likelihood === 'LOW' && weights.confidence === 'LOW') return stepped(severity, 1);
  return severity;
}

/** Trivy's levels, which it takes from whom it has the advisory. */
export const trivyLevels = {
  CRITICAL: 'critical',
  HIGH: 'high',
  MEDIUM: 'medium',
  LOW: 'low',
  UNKNOWN: 'medium',
} as const satisfies Readonly<Record<string, Severity>>;

/** What Trivy says; a level that nobody knows, as one that it does not know itself, is `medium` unless a CVSS score says better. */
export function trivySeverity(level: string, cvssScore: number): Severity {
  const isKnown = level !== 'UNKNOWN' && level in trivyLevels;
  return !isKnown && cvssScore > 0 ? severityOfCvss(cvssScore) : (lookUp(trivyLevels, level) ?? 'medium');
}

/** What TruffleHog's own try with the credential showed. */
export const truffleHogVerifications = {
  /** It opened what it is for. */
  verified: 'critical',
  /** It was not tried, or the try itself failed, for example for want of a network. */
  unknown: 'high',
  /** It was refused. */
  unverified: 'medium',
} as const satisfies Readonly<Record<string, Severity>>;

/** ScanCode's licence categories; what each asks of whoever uses the code is `categorySeverity` of `license/categories.ts`. */
export const scanCodeCategories = {
  'Public Domain': 'permissive',
  Permissive: 'permissive',
  'Copyleft Limited': 'weak-copyleft',
  Copyleft: 'strong-copyleft',
  'Source-available': 'proprietary',
  'Free Restricted': 'proprietary',
  'Proprietary Free': 'proprietary',
  Commercial: 'proprietary',
  'Patent License': 'proprietary',
  CLA: 'unknown',
  'Unstated License': 'unknown',
} as const satisfies Readonly<Record<string, LicenseCategory>>;

/** A category that nobody knows is unknown. ScanCode calls AGPL and SSPL Copyleft: an SPDX identifier says it better where there is one. */
export function scanCodeCategory(category: string): LicenseCategory {
  return lookUp(scanCodeCategories, category) ?? 'unknown';
}

/** gitleaks gives none. Critical: opens an account, money or a registry at once. Medium: needs more to be of use, or may be a mistake. */
export const gitleaksRules = {
  'private-key': 'critical',
  'age-secret-key': 'critical',
  'github-pat': 'critical',
  'github-fine-grained-pat': 'critical',
  'github-oauth': 'critical',
  'github-app-token': 'critical',
  'github-refresh-token': 'critical',
  'gitlab-pat': 'critical',
  'npm-access-token': 'critical',
  'pypi-upload-token': 'critical',
  'rubygems-api-token': 'critical',
  'stripe-access-token': 'critical',
  'shopify-access-token': 'critical',
  'square-access-token': 'critical',
  'vault-service-token': 'critical',
  'hashicorp-tf-api-token': 'critical',
  'digitalocean-access-token': 'critical',
  'digitalocean-pat': 'critical',
  'cloudflare-api-key': 'critical',
  'heroku-api-key': 'critical',
  'azure-ad-client-secret': 'critical',
  'generic-api-key': 'medium',
  jwt: 'medium',
  'jwt-base64': 'medium',
  'slack-webhook-url': 'medium',
  'microsoft-teams-webhook': 'medium',
  'curl-auth-header': 'medium',
  'curl-auth-user': 'medium',
  'kubernetes-secret-yaml': 'medium',
} as const satisfies Readonly<Record<string, Severity>>;

/** Any other rule of gitleaks: a credential of a form of its own, which opens a service. */
export const gitleaksDefault: Severity = 'high';

export function gitleaksSeverity(ruleId: string): Severity {
  return lookUp(gitleaksRules, ruleId) ?? gitleaksDefault;
}

function lookUp<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** @param steps negative for more severe */
function stepped(severity: Severity, steps: number): Severity {
  return severities[Math.min(Math.max(severityRank(severity) + steps, 0), severities.length - 1)]!;
}
