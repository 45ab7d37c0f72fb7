import type { Severity } from '@cloudscan/domain';
import type { SpdxNode } from 'spdx-expression-parse';
import { categoryOf, categorySeverity, licenseCategories } from './categories.ts';
import type { LicenseCategory } from './categories.ts';
import type { StatedLicense } from './license-expression.ts';

/** SPDX identifiers or categories. What is denied is always a finding, what is allowed never; denied wins. */
export interface LicensePolicy {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface LicenseVerdict {
  readonly category: LicenseCategory;
  readonly decision: 'allowed' | 'denied' | 'by_category';
  /** Null: no finding. */
  readonly severity: Severity | null;
}

/** The category of an SPDX identifier; the exception is the one after WITH, empty where there is none. */
export type Categorize = (identifier: string, exception: string) => LicenseCategory;

/** The verdict on a licence: of alternatives (OR) the mildest, since one may choose it; of what holds together (AND) the strictest. */
export function judge(license: StatedLicense, policy: LicensePolicy, categorize: Categorize = categoryOf): LicenseVerdict {
  if (license.node !== null) return judgeNode(license.node, policy, categorize);
  return verdict(license.proprietary ? 'proprietary' : 'unknown', [license.text], policy);
}

function judgeNode(node: SpdxNode, policy: LicensePolicy, categorize: Categorize): LicenseVerdict {
  if (!('conjunction' in node)) {
    const { license, plus = false, exception = '' } = node;
    const bare = license.replace(/-(only|or-later)$/, '');
    // A policy that names GPL-3.0 means each of its forms.
    const names = [license, bare, ...(plus ? [`${license}+`] : []), ...(exception === '' ? [] : [`${license} WITH ${exception}`])];
    return verdict(categorize(license, exception), names, policy);
  }
  const left = judgeNode(node.left, policy, categorize);
  const right = judgeNode(node.right, policy, categorize);
  const leftIsStricter = strictness(left) > strictness(right);
  return leftIsStricter === (node.conjunction === 'and') ? left : right;
}

function verdict(category: LicenseCategory, names: readonly string[], { allow, deny }: LicensePolicy): LicenseVerdict {
  const isIn = (list: readonly string[]): boolean =>
    list.some((entry) => [category, ...names].some((name) => name.toLowerCase() === entry.toLowerCase()));
  if (isIn(deny)) return { category, decision: 'denied', severity: category === 'network-copyleft' ? 'critical' : 'high' };
  if (isIn(allow)) return { category, decision: 'allowed', severity: null };
  return { category, decision: 'by_category', severity: categorySeverity[category] };
}

function strictness({ category, decision }: LicenseVerdict): number {
  switch (decision) {
    case 'denied':
      return licenseCategories.length;
    case 'allowed':
      return -1;
    case 'by_category':
      return licenseCategories.indexOf(category);
  }
}
