import { parseMetrics } from './vector.ts';

const metricValues = {
  ...({ AV: 'NALP', AC: 'LH', AT: 'NP', PR: 'NLH', UI: 'NPA' } as const),
  ...({ VC: 'HLN', VI: 'HLN', VA: 'HLN', SC: 'HLN', SI: 'HLN', SA: 'HLN' } as const),
};

type Metric = keyof typeof metricValues;
type Metrics = Readonly<Record<Metric, string>>;

/**
 * The scores of the macrovectors that base metrics reach (https://www.first.org/cvss/v4.0/specification-document, section 8):
 * rows by the levels of EQ1, EQ2 and EQ4, columns by those of EQ3 and EQ6 together. EQ5 is 0 without threat metrics, and
 * EQ4 is never 0 without environmental ones.
 */
const macroVectorScores: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  '001': { '00': 10, '01': 9.6, '10': 9.3, '11': 9.2, '21': 7.9 },
  '002': { '00': 9.3, '01': 9, '10': 8.8, '11': 8, '21': 6.9 },
  '011': { '00': 9.5, '01': 9.1, '10': 9.2, '11': 8.2, '21': 7.1 },
  '012': { '00': 9.2, '01': 8.1, '10': 8.4, '11': 7, '21': 6.3 },
  '101': { '00': 9.4, '01': 8.9, '10': 8.6, '11': 7.6, '21': 6.5 },
  '102': { '00': 8.7, '01': 7.5, '10': 7.2, '11': 5.7, '21': 5.3 },
  '111': { '00': 9, '01': 7.7, '10': 7.4, '11': 5.9, '21': 5.8 },
  '112': { '00': 7.7, '01': 6.6, '10': 6.1, '11': 5.2, '21': 2.3 },
  '201': { '00': 8.6, '01': 7.4, '10': 7.2, '11': 5.7, '21': 4.7 },
  '202': { '00': 7, '01': 5.4, '10': 5.3, '11': 3.6, '21': 2.4 },
  '211': { '00': 7.3, '01': 5.5, '10': 6.1, '11': 5.1, '21': 2.4 },
  '212': { '00': 5.4, '01': 4.3, '10': 4.6, '11': 1.8, '21': 1 },
};

/** Each equivalence class: the metrics whose distance counts, the most severe vectors of each level, and each level's depth. */
interface EquivalenceClass {
  readonly metrics: readonly Metric[];
  readonly levels: Readonly<Record<string, { readonly highest: readonly string[]; readonly depth: number }>>;
}

const eq1: EquivalenceClass = {
  metrics: ['AV', 'PR', 'UI'],
  levels: {
    0: { highest: ['NNN'], depth: 1 },
    1: { highest: ['ANN', 'NLN', 'NNP'], depth: 4 },
    2: { highest: ['PNN', 'ALP'], depth: 5 },
  },
};
const eq2: EquivalenceClass = {
  metrics: ['AC', 'AT'],
  levels: { 0: { highest: ['LN'], depth: 1 }, 1: { highest: ['HN', 'LP'], depth: 2 } },
};
const eq3and6: EquivalenceClass = {
  metrics: ['VC', 'VI', 'VA'],
  levels: { '00': { highest: ['HHH'], depth: 7 }, 10: { highest: ['LHH', 'HLH'], depth: 8 }, 21: { highest: ['LLL'], depth: 10 } },
};
const eq4: EquivalenceClass = {
  metrics: ['SC', 'SI', 'SA'],
  levels: { 1: { highest: ['HHH'], depth: 5 }, 2: { highest: ['LLL'], depth: 4 } },
};

/**
 * The base score of a CVSS 4.0 vector (specification, section 8.2): the score of its macrovector, less the mean over the
 * equivalence classes of how far the vector lies on the way to the next lower one. Threat and environmental metrics are
 * passed over, as for the other versions. Null when the vector is malformed.
 */
export function cvss4Score(vector: string): number | null {
  if (!vector.startsWith('CVSS:4.0/')) return null;
  const metrics = parseMetrics(vector.slice('CVSS:4.0/'.length), metricValues);
  if (metrics === null) return null;
  if ([...eq3and6.metrics, ...eq4.metrics].every((metric) => metrics[metric] === 'N')) return 0;

  const [one, two, four] = [levelOfEq1(metrics), metrics.AC === 'L' && metrics.AT === 'N' ? 0 : 1, levelOfEq4(metrics)];
  const threeAndSix = levelOfEq3and6(metrics);
  const score = scoreOf(one, two, four, threeAndSix)!;
  const lowerThreeAndSix = threeAndSix === '00' ? ['01', '10'] : threeAndSix === '10' ? ['11'] : [];
  const steps = [
    { to: scoreOf(one + 1, two, four, threeAndSix), share: shareOf(eq1, String(one), metrics) },
    { to: scoreOf(one, two + 1, four, threeAndSix), share: shareOf(eq2, String(two), metrics) },
    { to: scoreOf(one, two, four + 1, threeAndSix), share: shareOf(eq4, String(four), metrics) },
    { to: highestOf(lowerThreeAndSix.map((lower) => scoreOf(one, two, four, lower)!)), share: shareOf(eq3and6, threeAndSix, metrics) },
  ].filter((step) => step.to !== undefined);
  // EQ5 has a lower macrovector too, always at distance 0: it counts in the mean.
  const mean = steps.reduce((sum, { to, share }) => sum + (score - to!) * share, 0) / (steps.length + 1);
  // The sum may end a hair below a tie, which rounds upwards.
  return Math.round((Math.max(0, score - mean) + 1e-6) * 10) / 10;
}

function scoreOf(one: number, two: number, four: number, threeAndSix: string): number | undefined {
  return macroVectorScores[`${one}${two}${four}`]?.[threeAndSix];
}

function highestOf(scores: readonly number[]): number | undefined {
  return scores.length === 0 ? undefined : Math.max(...scores);
}

function levelOfEq1({ AV, PR, UI }: Metrics): number {
  const none = [AV, PR, UI].filter((value) => value === 'N').length;
  if (none === 3) return 0;
  return none > 0 && AV !== 'P' ? 1 : 2;
}

function levelOfEq3and6({ VC, VI, VA }: Metrics): string {
  if (VC === 'H' && VI === 'H') return '00';
  return [VC, VI, VA].includes('H') ? '10' : '21';
}

function levelOfEq4({ SC, SI, SA }: Metrics): number {
  return [SC, SI, SA].includes('H') ? 1 : 2;
}

/** How far a vector lies below the most severe vector of its level, as a share of the level's depth. */
function shareOf({ metrics: names, levels }: EquivalenceClass, level: string, metrics: Metrics): number {
  const { highest, depth } = levels[level]!;
  for (const vector of highest) {
    const distances = names.map((name, index) => rank(name, metrics[name]) - rank(name, vector[index]!));
    if (distances.every((distance) => distance >= 0)) return distances.reduce((sum, distance) => sum + distance, 0) / depth;
  }
  return 0;
}

/** 0 for a metric's most severe value. */
function rank(metric: Metric, value: string): number {
  return metricValues[metric].indexOf(value);
}
