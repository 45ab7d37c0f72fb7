import { parseMetrics } from './vector.ts';

const metricValues = { AV: 'NALP', AC: 'LH', PR: 'NLH', UI: 'NR', S: 'UC', C: 'HLN', I: 'HLN', A: 'HLN' } as const;

const attackVector: Weights = { N: 0.85, A: 0.62, L: 0.55, P: 0.2 };
const attackComplexity: Weights = { L: 0.77, H: 0.44 };
const privileges: Weights = { N: 0.85, L: 0.62, H: 0.27 };
const privilegesScopeChanged: Weights = { N: 0.85, L: 0.68, H: 0.5 };
const userInteraction: Weights = { N: 0.85, R: 0.62 };
const impactOf: Weights = { H: 0.56, L: 0.22, N: 0 };

type Weights = Readonly<Record<string, number>>;

/** The base score of a CVSS 3.0 or 3.1 vector (https://www.first.org/cvss/v3.1/specification-document, section 7.1); null when it is malformed. */
export function cvss3Score(vector: string): number | null {
  if (!/^CVSS:3\.[01]\//.test(vector)) return null;
  const metrics = parseMetrics(vector.slice('CVSS:3.x/'.length), metricValues);
  if (metrics === null) return null;
  const scopeChanged = metrics.S === 'C';
  const base = 1 - (1 - impactOf[metrics.C]!) * (1 - impactOf[metrics.I]!) * (1 - impactOf[metrics.A]!);
  const impact = scopeChanged ? 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 : 6.42 * base;
  if (impact <= 0) return 0;
  const privilegesRequired = (scopeChanged ? privilegesScopeChanged : privileges)[metrics.PR]!;
  const exploitability =
    8.22 * attackVector[metrics.AV]! * attackComplexity[metrics.AC]! * privilegesRequired * userInteraction[metrics.UI]!;
  return roundUp(Math.min((scopeChanged ? 1.08 : 1) * (impact + exploitability), 10));
}

/** To one decimal, upwards, without what floating point adds (specification, appendix A). */
function roundUp(value: number): number {
  const scaled = Math.round(value * 100_000);
  return scaled % 10_000 === 0 ? scaled / 100_000 : (Math.floor(scaled / 10_000) + 1) / 10;
}
