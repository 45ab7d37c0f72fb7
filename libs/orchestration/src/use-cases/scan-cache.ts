import type { Scan } from '@cloudscan/domain';

/**
 * The key of a scan in the cache. It does not hold the organization: a deletion that is repeated must reach the entry, also
 * when nobody knows any more whose the scan was. A reader compares the organization itself.
 */
export function scanCacheKey(scanId: string): string {
  return `scan:${scanId}`;
}

const dateFields = [
  'createdAt',
  'updatedAt',
  'admittedAt',
  'queuedAt',
  'startedAt',
  'completedAt',
] as const satisfies readonly (keyof Scan)[];

export function scanToText(scan: Scan): string {
  return JSON.stringify(scan);
}

export function scanFromText(text: string): Scan {
  const fields = JSON.parse(text) as Record<string, unknown>;
  for (const name of dateFields) {
    const value = fields[name];
    if (typeof value === 'string') fields[name] = new Date(value);
  }
  return fields as unknown as Scan;
}
