import type { OrganizationScope } from '@cloudscan/auth';
import type { Scan } from '@cloudscan/domain';

/**
 * The key of a scan in the cache. It begins with the organization, so that no mistake elsewhere shows one organization the
 * other's scan.
 */
export function scanCacheKey({ organizationId }: OrganizationScope, scanId: string): string {
  return `scan:${organizationId}:${scanId}`;
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
