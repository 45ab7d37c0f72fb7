import { parseMetrics } from './vector.ts';

const metricValues = { AV: 'LAN', AC: 'HML', Au: 'MSN', C: 'NPC', I: 'NPC', A: 'NPC' } as const;

const accessVector: Weights = { L: 0.395, A: 0.646, N: 1 };
const accessComplexity: Weights = { H: 0.35, M: 0.61, L: 0.71 };
const authentication: Weights = { M: 0.45, S: 0.56, N: 0.704 };
const impactOf: Weights = { N: 0, P: 0.275, C: 0.66 };

type Weights = Readonly<Record<string, number>>;

/** The base score of a CVSS 2.0 vector (https://www.first.org/cvss/v2/guide, section 3.2.1); null when it is malformed. */
export function cvss2Score(vector: string): number | null {
  const metrics = parseMetrics(vector.replace(/^CVSS:2\.0\//, '').replace(/^\((.*)\)$/, '$1'), metricValues);
  if (metrics === null) return null;
  const impact = 10.41 * (1 - (1 - impactOf[metrics.C]!) * (1 - impactOf[metrics.I]!) * (1 - impactOf[metrics.A]!));
  const exploitability = 20 * accessVector[metrics.AV]! * accessComplexity[metrics.AC]! * authentication[metrics.Au]!;
  if (impact === 0) return 0;
  return Math.round((0.6 * impact + 0.4 * exploitability - 1.5) * 1.176 * 10) / 10;
}
