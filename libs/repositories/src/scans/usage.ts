import type { Statement, Transaction } from '@cloudscan/database';
import type { Scan } from '@cloudscan/domain';
import type { AdmissionLimits } from '@cloudscan/orchestration';
import { lockAdmission } from './admission-lock.ts';

/**
 * Seconds that an attempt counts at least while it runs, and the unit in which use is compared. So a burst is dealt out in
 * turn although nothing has been used yet; and of organizations that are within one share of each other age decides, so that
 * nobody waits for ever behind ever new organizations that have used nothing.
 */
const shareSeconds = 60;

/** What is left of a use after some time. The exponent is bounded, since PostgreSQL answers an underflow with an error. */
function decayed(seconds: string, from: string, to: string, halfLifeMs: string): string {
  return `${seconds} * power(0.5, least(greatest(date_part('epoch', ${to} - ${from}) * 1000 / ${halfLifeMs}, 0), 100))`;
}

/** A FROM item `running` (scans, seconds): what an organization has admitted now. */
export function runningOf(organizationId: string, at: string): string {
  return `LATERAL (
      SELECT count(*)::integer AS scans, coalesce(sum(greatest(date_part('epoch', ${at} - admitted_at), ${shareSeconds})), 0) AS seconds
      FROM active_scans WHERE organization_id = ${organizationId} AND admitted_at IS NOT NULL
    ) AS running`;
}

/**
 * How many shares an organization has used, where its `usage` (organization_usage, by LEFT JOIN) and its `running` are at hand.
 * What is left of the past and what runs now count alike.
 */
export function sharesUsed(at: string, halfLifeMs: string): string {
  const past = decayed('usage.used_seconds', 'usage.updated_at', at, halfLifeMs);
  return `floor((coalesce(${past}, 0) + running.seconds) / ${shareSeconds})::bigint`;
}

const chargeStatement: Statement = {
  name: 'charge-usage',
  text: `INSERT INTO organization_usage AS usage (organization_id, used_seconds, updated_at)
    SELECT organizations.id, sum(greatest(date_part('epoch', $3 - ended.admitted_at), 0)), $3
    FROM unnest($1::uuid[], $2::timestamptz[]) AS ended (organization_id, admitted_at) JOIN organizations ON organizations.id = ended.organization_id
    GROUP BY organizations.id
    ON CONFLICT (organization_id) DO UPDATE SET
      used_seconds = ${decayed('usage.used_seconds', 'usage.updated_at', 'excluded.updated_at', '$4')} + excluded.used_seconds,
      updated_at = greatest(usage.updated_at, excluded.updated_at)`,
};

/**
 * Charges the organizations of attempts that end in this transaction, given as they were before, with the time since their
 * admission; what was not admitted costs nothing. Takes the admission lock, so that what admission reads is exact. The
 * transaction must work as the system.
 */
export async function chargeUsage(transaction: Transaction, ended: readonly Scan[], limits: AdmissionLimits, at: Date): Promise<void> {
  const charged = ended.filter(({ admittedAt }) => admittedAt !== null);
  if (charged.length === 0) return;
  await lockAdmission(transaction);
  const organizations = charged.map(({ organizationId }) => organizationId);
  const admissions = charged.map(({ admittedAt }) => admittedAt);
  await transaction.query(chargeStatement, [organizations, admissions, at, limits.usageHalfLifeMs]);
}
