import type { Ecosystem } from '../../inventory/dependency.ts';
import { compareMaven } from './maven.ts';
import { compareNuget } from './nuget.ts';
import { comparePackagist } from './packagist.ts';
import { comparePep440 } from './pep440.ts';
import { compareRubyGems } from './rubygems.ts';
import { compareSemver } from './semver.ts';

/**
 * Orders two versions by the rules of their ecosystem: negative when `a` comes first, 0 when they are the same version,
 * null when one of them is no version there.
 */
export function compareVersions(ecosystem: Ecosystem, a: string, b: string): number | null {
  switch (ecosystem) {
    case 'npm':
    case 'Go':
    case 'crates.io':
      return compareSemver(a, b);
    case 'PyPI':
      return comparePep440(a, b);
    case 'Maven':
      return compareMaven(a, b);
    case 'RubyGems':
      return compareRubyGems(a, b);
    case 'NuGet':
      return compareNuget(a, b);
    case 'Packagist':
      return comparePackagist(a, b);
  }
}
