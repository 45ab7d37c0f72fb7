import { DomainError, failedPrecondition, isTerminal, notFound } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import type { ScanEvents } from '../ports/scan-events.ts';
import type { TransitionResult } from '../ports/scan-repository.ts';
import type { Caller, UseCasePorts } from './ports.ts';

/** Milliseconds after which a full queue may have room. */
const queueRetryMs = 30_000;

/**
 * The scan as a command left it, after its watchers were told.
 *
 * @param done what the command would have done, for example `completed`
 * @throws not_found, failed_precondition
 */
export function scanAfter({ events }: UseCasePorts, result: TransitionResult, scanId: string, done: string): Scan {
  switch (result.kind) {
    case 'applied':
      publishScan(events, result.scan);
      return result.scan;
    case 'unchanged':
      return result.scan;
    case 'refused':
      throw refusal(result, done);
    case 'not_found':
      throw notFound('scan', scanId);
  }
}

/** Tells a scan's watchers that it has new events. */
export function publishScan(events: ScanEvents, { organizationId, id, sequence }: Scan): void {
  events.publish({ organizationId, scanId: id, sequence });
}

export function refusal(
  { scan, because }: { readonly scan: Scan; readonly because: 'status' | 'attempt' | 'run' },
  done: string,
): DomainError {
  switch (because) {
    case 'status':
      return failedPrecondition(`scan ${scan.id} is ${scan.status}; it cannot be ${done}`);
    case 'attempt':
      return failedPrecondition(`scan ${scan.id} is at attempt ${scan.attempt}; another attempt cannot be ${done} any more`);
    case 'run':
      return failedPrecondition(`another run of scan ${scan.id} was accepted; this one cannot be ${done} any more`);
  }
}

export function queueFull(limit: number): DomainError {
  return new DomainError('resource_exhausted', `${limit} scans of the organization wait already; try again when some have ended`, {
    retryAfterMs: queueRetryMs,
  });
}

/** What the import wrote may be gone: it gave no sign of life for too long. */
export function importExpired(): DomainError {
  return new DomainError('unavailable', 'the import was held up for too long; import the log again');
}

/** @throws not_found also for a scan of another organization */
export async function findScan({ scans }: UseCasePorts, { scope }: Caller, id: string): Promise<Scan> {
  const scan = await scans.findById(scope, id);
  if (scan === null) throw notFound('scan', id);
  return scan;
}

/** @throws failed_precondition when the scan has ended, or is at another attempt than the caller's */
export function expectActiveAttempt(scan: Scan, attempt: number | null, done: string): void {
  if (isTerminal(scan.status)) throw refusal({ scan, because: 'status' }, done);
  if (attempt !== null && attempt !== scan.attempt) throw refusal({ scan, because: 'attempt' }, done);
}
