import semver from 'semver';

/**
 * Orders two versions by SemVer 2.0.0 (https://semver.org/#spec-item-11), as npm, crates.io and Go do. A leading `v`, absent
 * minor and patch numbers and Go's `+incompatible` are accepted; build metadata does not count. Go's pseudo-versions
 * (`v0.0.0-20210101000000-abcdef123456`) are pre-releases and order as such.
 * Null when either is no version.
 */
export function compareSemver(a: string, b: string): number | null {
  const left = parse(a);
  const right = parse(b);
  return left === null || right === null ? null : left.compare(right);
}

function parse(text: string): semver.SemVer | null {
  const match = /^[v=\s]*(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:[-+].*)?)$/.exec(text.trim());
  if (match === null) return null;
  const [, major, minor = '0', patch = '0', rest = ''] = match;
  return semver.parse(`${major}.${minor}.${patch}${rest}`, { loose: true });
}
