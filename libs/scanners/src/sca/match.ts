import type { Ecosystem } from '../inventory/dependency.ts';
import type { AffectedPackage, RangeEvent, RangeEventKind } from './osv.ts';
import { compareVersions } from './versions/compare-versions.ts';

/**
 * Whether a version is affected, by OSV's evaluation (https://ossf.github.io/osv-schema/#evaluation): it is listed in
 * `versions`, or it lies in one of the ranges.
 */
export function isAffected(affected: AffectedPackage, version: string): boolean {
  const { ecosystem, versions, ranges } = affected;
  return (
    versions.some((listed) => sameVersion(ecosystem, listed, version)) || ranges.some((events) => isInRange(ecosystem, events, version))
  );
}

function sameVersion(ecosystem: Ecosystem, listed: string, version: string): boolean {
  return listed === version || compareVersions(ecosystem, listed, version) === 0;
}

function isInRange(ecosystem: Ecosystem, events: readonly RangeEvent[], version: string): boolean {
  const limits = events.filter(({ kind }) => kind === 'limit');
  if (limits.length > 0 && !limits.some((limit) => limit.version === '*' || isBefore(ecosystem, version, limit.version))) return false;
  let affected = false;
  for (const event of inOrder(ecosystem, events)) {
    const order = event.version === '0' && event.kind === 'introduced' ? 1 : compareVersions(ecosystem, version, event.version);
    if (order === null) continue;
    switch (event.kind) {
      case 'introduced':
        if (order >= 0) affected = true;
        break;
      case 'fixed':
        if (order >= 0) affected = false;
        break;
      case 'last_affected':
        if (order > 0) affected = false;
        break;
      case 'limit':
        break;
    }
  }
  return affected;
}

/** At one version a range ends before the next begins: `fixed: 2.0, introduced: 2.0` leaves 2.0 affected. */
const kindOrder: Readonly<Record<RangeEventKind, number>> = { fixed: 0, limit: 1, introduced: 2, last_affected: 3 };

function inOrder(ecosystem: Ecosystem, events: readonly RangeEvent[]): RangeEvent[] {
  const isStart = (event: RangeEvent): boolean => event.kind === 'introduced' && event.version === '0';
  return events
    .filter((event) => isStart(event) || compareVersions(ecosystem, event.version, event.version) !== null)
    .sort((a, b) => {
      if (isStart(a) || isStart(b)) return Number(isStart(b)) - Number(isStart(a));
      return compareVersions(ecosystem, a.version, b.version) || kindOrder[a.kind] - kindOrder[b.kind];
    });
}

/** The lowest version above the given one that any range names as fixed; empty when there is none. */
export function nearestFix(affected: AffectedPackage, version: string): string {
  const { ecosystem, ranges } = affected;
  let nearest = '';
  for (const { kind, version: fix } of ranges.flat()) {
    if (kind !== 'fixed' || !isBefore(ecosystem, version, fix)) continue;
    if (nearest === '' || isBefore(ecosystem, fix, nearest)) nearest = fix;
  }
  return nearest;
}

/** The later of two versions; an empty one gives way. */
export function laterVersion(ecosystem: Ecosystem, a: string, b: string): string {
  if (a === '' || b === '') return a || b;
  return isBefore(ecosystem, a, b) ? b : a;
}

function isBefore(ecosystem: Ecosystem, a: string, b: string): boolean {
  return (compareVersions(ecosystem, a, b) ?? 0) < 0;
}
