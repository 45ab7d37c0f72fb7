import { compareDigits, isDigits } from './tokens.ts';

/** As PHP orders what is not a number; `''` is the end of a version, '#' any number. */
const ranks = new Map([
  ['dev', 0],
  ['alpha', 1],
  ['a', 1],
  ['beta', 2],
  ['b', 2],
  ['rc', 3],
  ['c', 3],
  ['', 4],
  ['#', 5],
  ['patch', 6],
  ['pl', 6],
  ['p', 6],
]);

/**
 * Orders two versions as PHP's version_compare does (https://www.php.net/version_compare), on which Composer builds. Trailing
 * zeros do not count, as Composer pads every version to four numbers. Null when either does not begin with a number.
 */
export function comparePackagist(a: string, b: string): number | null {
  const left = parts(a);
  const right = parts(b);
  if (left === null || right === null) return null;
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const one = left[index] ?? '';
    const other = right[index] ?? '';
    const order = isDigits(one) && isDigits(other) ? compareDigits(one, other) : Math.sign(rank(one) - rank(other));
    if (order !== 0) return order;
  }
  return 0;
}

function parts(text: string): string[] | null {
  const version = text.trim().toLowerCase().replace(/^v/, '').replace(/\+.*$/, '');
  const match = /^(\d+(?:\.\d+)*)(.*)$/.exec(version);
  if (match === null) return null;
  const numbers = match[1]!.split('.');
  while (numbers.length < 4) numbers.push('0');
  return [...numbers, ...(match[2]!.match(/\d+|[a-z]+/g) ?? [])];
}

function rank(part: string): number {
  return isDigits(part) ? ranks.get('#')! : (ranks.get(part) ?? -1);
}
