import type { Scan } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import { scanAfter } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';

/**
 * Cancels a scan that has not ended and has its Job stopped. Idempotent.
 *
 * @throws invalid_argument, not_found, failed_precondition when the scan has completed or failed
 */
export async function cancelScan(ports: UseCasePorts, caller: Caller, request: { readonly id: string }): Promise<Scan> {
  const scanId = readRequest((reader) => reader.id('id', request.id));
  const result = await ports.scans.cancel(caller.scope, {
    scanId,
    actor: caller.actor,
    limits: ports.policy.limits,
    at: ports.clock.now(),
  });
  return scanAfter(ports, result, scanId, 'cancelled');
}
