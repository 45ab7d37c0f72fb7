import { compareDigits, compareText, isDigits } from './tokens.ts';

/**
 * Orders two versions as NuGet does (https://learn.microsoft.com/nuget/concepts/package-versioning): SemVer 2.0.0 with an
 * optional fourth number and labels compared without case. Null when either is no version.
 */
export function compareNuget(a: string, b: string): number | null {
  const left = parse(a);
  const right = parse(b);
  if (left === null || right === null) return null;
  for (let index = 0; index < 4; index += 1) {
    const order = compareDigits(left.numbers[index] ?? '0', right.numbers[index] ?? '0');
    if (order !== 0) return order;
  }
  return compareLabels(left.labels, right.labels);
}

function parse(text: string): { readonly numbers: string[]; readonly labels: string[] } | null {
  const match = /^v?(\d+(?:\.\d+){0,3})(?:-([0-9a-z.-]+))?(?:\+.*)?$/.exec(text.trim().toLowerCase());
  return match === null ? null : { numbers: match[1]!.split('.'), labels: match[2]?.split('.') ?? [] };
}

function compareLabels(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return Math.sign(b.length - a.length);
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const left = a[index];
    const right = b[index];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    const order =
      isDigits(left) && isDigits(right) ? compareDigits(left, right) : isDigits(left) ? -1 : isDigits(right) ? 1 : compareText(left, right);
    if (order !== 0) return order;
  }
  return 0;
}
