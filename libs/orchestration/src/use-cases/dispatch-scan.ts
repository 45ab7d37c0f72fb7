import { DomainError } from '@cloudscan/domain';
import type { FailureReason, Scan } from '@cloudscan/domain';
import type { JobHandle } from '../ports/job-dispatcher.ts';
import type { Delivery, DispatchMessage } from '../ports/scan-queue.ts';
import { endAttempt } from './end-attempt.ts';
import type { SystemPorts } from './system-ports.ts';

export type DispatchOutcome =
  /** `waitedMs`: from admission to the Job. */
  | { readonly kind: 'dispatched'; readonly jobName: string; readonly waitedMs: number }
  /** The attempt is not current, or has ended: there is nothing to do. */
  | { readonly kind: 'stale' }
  /** The attempt ended while its Job was made; the Job is gone again. */
  | { readonly kind: 'withdrawn' }
  /** The Job can never be made; the attempt was ended. */
  | { readonly kind: 'rejected'; readonly reason: FailureReason };

/** Milliseconds since its admission for which an attempt outlasts that Jobs cannot be made at present. */
export const dispatchPatienceMs = 86_400_000;

/**
 * Makes the Job of an admitted attempt. Compares before it makes the Job and looks again after, so it may be called any
 * number of times, by any number of dispatchers.
 *
 * @throws what a later try may mend; on the last try the attempt has been ended. While only something else is away, no try is
 *   counted, but an attempt that nobody could start for a day is ended.
 */
export async function dispatchScan(ports: SystemPorts, message: DispatchMessage, { isLast }: Delivery): Promise<DispatchOutcome> {
  const { scope, scans, system, jobs, clock } = ports;
  const { scanId, attempt } = message;
  const scan = await system.findDispatchable(scope, scanId, attempt);
  if (scan === null) return { kind: 'stale' };
  let job: JobHandle;
  try {
    job = await jobs.create(jobSpecOf(scan, message));
  } catch (error) {
    const waitedMs = clock.now().getTime() - (scan.admittedAt ?? scan.updatedAt).getTime();
    const verdict = judge(error, isLast, waitedMs);
    if (verdict !== 'retry') await endAttempt(ports, { scanId, attempt, ...failureOf(error, verdict.reason) });
    if (verdict === 'retry' || isLast) throw error;
    return { kind: 'rejected', reason: verdict.reason };
  }
  const at = clock.now();
  if (!(await system.recordJob(scope, { scanId, attempt, jobName: job.jobName, jobNamespace: job.namespace, at }))) {
    const current = await scans.findById(scope, scanId);
    // A run may be quicker than the record of its Job, which is kept to be looked at then, as any other.
    const hasCompleted = current?.status === 'completed' && current.attempt === attempt;
    if (!hasCompleted) {
      await jobs.delete(job.jobName);
      return { kind: 'withdrawn' };
    }
  }
  return { kind: 'dispatched', jobName: job.jobName, waitedMs: Math.max(0, at.getTime() - (scan.admittedAt ?? at).getTime()) };
}

function jobSpecOf(scan: Scan, { attempt, traceparent }: DispatchMessage) {
  const { id: scanId, organizationId, projectId, scanTypes, source } = scan;
  return { scanId, organizationId, projectId, attempt, scanTypes, source, traceparent };
}

/** Nobody knows what an error means that is not a domain error, so it has its tries as well. */
function judge(error: unknown, isLast: boolean, waitedMs: number): 'retry' | { readonly reason: FailureReason } {
  if (!(error instanceof DomainError) || error.code === 'internal') return isLast ? { reason: 'internal' } : 'retry';
  if (error.code === 'resource_exhausted') return isLast ? { reason: 'quota' } : 'retry';
  return error.retry === 'safe' && waitedMs < dispatchPatienceMs ? 'retry' : { reason: 'internal' };
}

function failureOf(error: unknown, reason: FailureReason) {
  const cause = error instanceof DomainError ? error.message : describeUnknown(error);
  return { reason, message: 'the runner could not be started', evidence: { condition: 'DispatchFailed', logTail: cause } };
}

/** No message of an error that was not made to be shown. */
function describeUnknown(error: unknown): string {
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
  return [name, code].filter((part) => typeof part === 'string').join(' ') || 'an unknown error';
}
