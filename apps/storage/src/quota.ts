import { DomainError } from '@cloudscan/domain';

/** The most that an organization may keep. */
export interface QuotaLimits {
  /** Of all artifacts together, uploads that were announced included. */
  readonly bytes: number;
  readonly artifacts: number;
  /** Of one upload. */
  readonly uploadBytes: number;
}

export interface Quota {
  readonly organizationId: string;
  /** What holds now. */
  readonly limits: QuotaLimits;
  /** What was set for this organization; null where the service's default holds. */
  readonly ownLimits: { readonly [Name in keyof QuotaLimits]: number | null };
  readonly usedBytes: number;
  readonly usedArtifacts: number;
}

/** What comes to an organization's totals. */
export interface Addition {
  readonly artifacts: number;
  /** 0 of an upload whose size is not known yet. */
  readonly bytes: number;
}

/**
 * @param quota with the addition in its totals
 * @throws DomainError `resource_exhausted` that names the quota, what is used of it, and the remedy
 */
export function expectWithin({ organizationId, limits, usedBytes, usedArtifacts }: Quota, added: Addition): void {
  const who = `organization ${organizationId}`;
  if (added.bytes > limits.uploadBytes) {
    throw exceeded(`an upload of ${who} may have ${limits.uploadBytes} bytes and has ${added.bytes}`, 'upload less', 'MAX_UPLOAD_BYTES');
  }
  if (added.artifacts > 0 && usedArtifacts > limits.artifacts) {
    const kept = usedArtifacts - added.artifacts;
    throw exceeded(`${who} may keep ${limits.artifacts} artifacts and keeps ${kept}`, 'delete some', 'QUOTA_ARTIFACTS');
  }
  const isFull = added.bytes === 0 && usedBytes >= limits.bytes;
  if (isFull || usedBytes > limits.bytes) {
    const kept = `${who} may keep ${limits.bytes} bytes and keeps ${usedBytes - added.bytes}`;
    const more = added.bytes === 0 ? '' : `; the upload has ${added.bytes}`;
    throw exceeded(kept + more, 'delete artifacts', 'QUOTA_BYTES');
  }
}

/** The most bytes that an upload of a size not known may have now. @throws DomainError `resource_exhausted` where there is no room */
export function roomIn(quota: Quota): number {
  expectWithin(quota, { artifacts: 0, bytes: 0 });
  return Math.min(quota.limits.uploadBytes, quota.limits.bytes - quota.usedBytes);
}

function exceeded(problem: string, remedy: string, variable: string): DomainError {
  return new DomainError(
    'resource_exhausted',
    `${problem}; ${remedy}, or have an operator raise its quota (SetQuota, or STORAGE_${variable})`,
  );
}
