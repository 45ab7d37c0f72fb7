import { asText, field, fields } from '../../inventory/untrusted.ts';

export interface CvssRating {
  /** 0.0 to 10.0; 0 when there is none. */
  readonly score: number;
  readonly vector: string;
}

/** Trivy's names of the fields, by version of CVSS: 3.x first, which most tools and thresholds speak, as the built-in scanner has it. */
const versions = [
  { vector: 'V3Vector', score: 'V3Score' },
  { vector: 'V40Vector', score: 'V40Score' },
  { vector: 'V2Vector', score: 'V2Score' },
] as const;

/**
 * One rating of those that Trivy hands on, `{ nvd: { V3Vector, V3Score, … }, ghsa: … }`: NVD's, which rates without regard to any one
 * vendor's product; or else that of the source that Trivy takes the severity from; or else GitHub's; or else the first by name.
 */
export function preferredCvss(ratings: unknown, severitySource: string): CvssRating {
  const preferred = ['nvd', severitySource, 'ghsa'];
  const others = fields(ratings)
    .map(([source]) => source)
    .filter((source) => !preferred.includes(source))
    .toSorted();
  for (const { vector, score } of versions) {
    for (const source of [...preferred, ...others]) {
      const rating = field(ratings, source);
      const value = field(rating, score);
      if (typeof value === 'number' && value > 0 && value <= 10) return { score: value, vector: asText(field(rating, vector)) };
    }
  }
  return { score: 0, vector: '' };
}
