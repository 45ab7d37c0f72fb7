import type { EnvReader } from './env.ts';

/** How many scans may run and wait, and who is next. An organization's own caps, where set, replace `…PerOrganization`. */
export interface AdmissionConfig {
  readonly maxRunning: number;
  readonly maxRunningPerOrganization: number;
  readonly maxQueuedPerOrganization: number;
  /** Milliseconds in which half of what an organization has used is forgotten. */
  readonly usageHalfLifeMs: number;
}

const most = 1_000_000;

/**
 * Reads `MAX_RUNNING_SCANS` (2, what one machine bears), `MAX_RUNNING_SCANS_PER_ORGANIZATION` (as many as run in all),
 * `MAX_QUEUED_SCANS_PER_ORGANIZATION` (1,000) and `FAIR_SHARE_HALF_LIFE_SECONDS` (an hour). Every process that admits must be
 * told the same.
 */
export function readAdmissionLimits(env: EnvReader): AdmissionConfig {
  const maxRunning = env.integer('MAX_RUNNING_SCANS', 2, { min: 1, max: most });
  return {
    maxRunning,
    maxRunningPerOrganization: env.integer('MAX_RUNNING_SCANS_PER_ORGANIZATION', maxRunning, { min: 1, max: most }),
    maxQueuedPerOrganization: env.integer('MAX_QUEUED_SCANS_PER_ORGANIZATION', 1000, { min: 1, max: most }),
    usageHalfLifeMs: env.integer('FAIR_SHARE_HALF_LIFE_SECONDS', 3600, { min: 1, max: 30 * 86_400 }) * 1000,
  };
}
