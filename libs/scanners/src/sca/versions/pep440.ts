import { compare, valid } from '@renovatebot/pep440';

/**
 * Orders two versions by PEP 440 (https://peps.python.org/pep-0440/). A local label (`2.1.0+cu118`) does not count: it is the
 * same code, built by somebody else. Null when either is no version.
 */
export function comparePep440(a: string, b: string): number | null {
  const left = publicVersion(a);
  const right = publicVersion(b);
  return valid(left) === null || valid(right) === null ? null : Math.sign(compare(left, right));
}

function publicVersion(text: string): string {
  return text.trim().replace(/\+.*$/, '');
}
