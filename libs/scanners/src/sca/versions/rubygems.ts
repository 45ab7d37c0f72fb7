import { compareDigits, compareText, isDigits } from './tokens.ts';

/**
 * Orders two versions as Gem::Version does (https://docs.ruby-lang.org/en/master/Gem/Version.html): segments of digits or
 * letters, a letter is a pre-release and comes before any number, absent segments are 0. Null when either is no version.
 */
export function compareRubyGems(a: string, b: string): number | null {
  const left = segments(a);
  const right = segments(b);
  if (left === null || right === null) return null;
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const one = left[index] ?? '0';
    const other = right[index] ?? '0';
    if (isDigits(one) && isDigits(other)) {
      const order = compareDigits(one, other);
      if (order !== 0) return order;
    } else if (one !== other) {
      return isDigits(one) ? 1 : isDigits(other) ? -1 : compareText(one, other);
    }
  }
  return 0;
}

function segments(text: string): string[] | null {
  const version = text.trim();
  if (!/^[0-9]+(\.[0-9a-zA-Z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/.test(version)) return null;
  return version.replaceAll('-', '.pre.').match(/\d+|[a-zA-Z]+/g);
}
