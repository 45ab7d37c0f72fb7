import { readRequest } from '../input/request-reader.ts';
import type { Caller, UseCasePorts } from './ports.ts';
import { scanCacheKey } from './scan-cache.ts';

/**
 * Deletes a scan; an active one is stopped. Idempotent: a scan that is not there, or is another organization's, was deleted
 * as far as this caller can tell. Once it has answered, no reader finds the scan any more; that is why the cache is told on
 * every call, also where an earlier one has deleted the row and got no further.
 *
 * @throws invalid_argument
 */
export async function deleteScan(ports: UseCasePorts, caller: Caller, request: { readonly id: string }): Promise<void> {
  const { scans, events, cache, clock, policy } = ports;
  const { scope, actor, signal } = caller;
  const scanId = readRequest((reader) => reader.id('id', request.id));
  const wasThere = await scans.delete(scope, { scanId, actor, limits: policy.limits, at: clock.now() });
  if (wasThere) events.publish({ organizationId: scope.organizationId, scanId, sequence: 0, deleted: true });
  await cache.delete([scanCacheKey(scanId)], signal);
}
