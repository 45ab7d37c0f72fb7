import { severityOfCvss } from '@cloudscan/domain';
import type { Severity } from '@cloudscan/domain';
import { cvss2Score } from './cvss/cvss2.ts';
import { cvss3Score } from './cvss/cvss3.ts';
import { cvss4Score } from './cvss/cvss4.ts';
import type { Advisory, AffectedPackage, SeverityScore } from './osv.ts';

export interface Rating {
  readonly severity: Severity;
  /** 0.0 to 10.0; 0 when no vector gave one. */
  readonly cvssScore: number;
  readonly cvssVector: string;
}

/** Where a record carries several, 3.x counts first: it is what most tools and thresholds speak. */
const calculators: readonly (readonly [string, (vector: string) => number | null])[] = [
  ['CVSS_V3', cvss3Score],
  ['CVSS_V4', cvss4Score],
  ['CVSS_V2', cvss2Score],
];

const labels: ReadonlyMap<string, Severity> = new Map([
  ['CRITICAL', 'critical'],
  ['HIGH', 'high'],
  ['IMPORTANT', 'high'],
  ['MODERATE', 'medium'],
  ['MEDIUM', 'medium'],
  ['LOW', 'low'],
]);

/** What a record says about its severity, that of the affected package before that of the whole; null when it says nothing. */
export function ratingOf(advisory: Advisory, affected: readonly AffectedPackage[]): Rating | null {
  return scored([...affected.flatMap(({ severity }) => severity), ...advisory.severity]) ?? labelled(advisory);
}

/**
 * Known malicious packages (`MAL-…`) run an attacker's code as soon as they are installed, so they are critical. Anything else
 * without a rating is `medium`: too high hides what is urgent, too low hides what nobody has rated yet.
 */
export function defaultRating(ids: readonly string[]): Rating {
  const severity = ids.some((id) => id.startsWith('MAL-')) ? 'critical' : 'medium';
  return { severity, cvssScore: 0, cvssVector: '' };
}

function scored(scores: readonly SeverityScore[]): Rating | null {
  for (const [type, scoreOf] of calculators) {
    for (const { score: vector } of scores.filter((score) => score.type === type)) {
      const cvssScore = scoreOf(vector);
      if (cvssScore !== null) return { severity: severityOfCvss(cvssScore), cvssScore, cvssVector: vector };
    }
  }
  return null;
}

function labelled({ severityLabel }: Advisory): Rating | null {
  const severity = labels.get(severityLabel.toUpperCase());
  return severity === undefined ? null : { severity, cvssScore: 0, cvssVector: '' };
}
