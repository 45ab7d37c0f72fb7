import { ToolFailure } from '../builtin/run-builtin.ts';
import { lookUp, openAdvisoryIndex } from './advisory-index.ts';
import type { AdvisoryIndex } from './advisory-index.ts';
import type { AdvisorySource, PackageAdvisories, PackageVersion } from './advisory-source.ts';
import { isAffected } from './match.ts';
import type { Advisory } from './osv.ts';

export interface DiskSourceOptions {
  /** A folder of OSV files, a .zip or a .tar.gz of them; absolute. */
  readonly location: string;
  /** For the index; created when it is needed. */
  readonly cacheDir: string;
  /** Gets what the user should know of a set that can be used all the same. */
  readonly remark?: (sentence: string) => void;
}

/** Advisories of a set on disk, matched here. */
export function diskSource(options: DiskSourceOptions): AdvisorySource {
  return { advisoriesFor: (packages, onProgress) => advisoriesFor(options, packages, onProgress) };
}

async function* advisoriesFor(
  options: DiskSourceOptions,
  packages: readonly PackageVersion[],
  onProgress: (fraction: number) => void,
): AsyncGenerator<PackageAdvisories, void> {
  const index = await openIndex(options);
  onProgress(0.5);
  const versions = Map.groupBy(packages, keyOf);
  const found = new Map<PackageVersion, Advisory[]>();
  for await (const { ecosystem, name, advisory } of lookUp(index, packages)) {
    for (const item of versions.get(`${ecosystem}\t${name}`) ?? []) {
      if (advisory.affected.some((affected) => isAffected(affected, item.version))) {
        found.set(item, [...(found.get(item) ?? []), advisory]);
      }
    }
  }
  onProgress(1);
  for (const [item, advisories] of found) yield { package: item, advisories };
}

function keyOf({ ecosystem, name }: PackageVersion): string {
  return `${ecosystem}\t${name}`;
}

async function openIndex({ location, cacheDir, remark }: DiskSourceOptions): Promise<AdvisoryIndex> {
  let index: AdvisoryIndex;
  try {
    index = await openAdvisoryIndex(location, cacheDir);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ToolFailure(
      `could not read the advisory set ${location}: ${reason}; set ADVISORY_SOURCE to an OSV server or to a folder, .zip or .tar.gz of OSV files`,
      { cause: error },
    );
  }
  if (index.advisories === 0) {
    throw new ToolFailure(
      `the advisory set ${location} holds no OSV records; set ADVISORY_SOURCE to an OSV server or to a folder, .zip or .tar.gz of OSV files`,
    );
  }
  if (index.unreadable > 0) remark?.(`${index.unreadable} files of the advisory set ${location} are not OSV records and were left out`);
  return index;
}
