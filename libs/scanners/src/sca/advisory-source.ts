import type { Ecosystem } from '../inventory/dependency.ts';
import type { Advisory } from './osv.ts';

export interface PackageVersion {
  readonly ecosystem: Ecosystem;
  /** Normalised by `normalizeName`. */
  readonly name: string;
  readonly version: string;
}

export interface PackageAdvisories {
  readonly package: PackageVersion;
  /** Those that affect this version; at least one, none withdrawn. */
  readonly advisories: readonly Advisory[];
}

/** Where advisories come from: an OSV server, or a set on disk. */
export interface AdvisorySource {
  /**
   * Gives each package that has advisories once, in any order. `onProgress` is told the share of the work that is done.
   *
   * @throws ToolFailure when the source cannot answer: never an answer that lacks some
   */
  advisoriesFor(packages: readonly PackageVersion[], onProgress: (fraction: number) => void): AsyncIterable<PackageAdvisories>;
}
