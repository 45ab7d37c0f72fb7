import { isTerminal } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import { findScan } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';
import { scanCacheKey, scanFromText, scanToText } from './scan-cache.ts';
import { viewOf } from './scan-view.ts';
import type { ScanView } from './scan-view.ts';

/**
 * A scan with its place in the queue. Only scans that have ended are cached: they do not change any more, so a cached one is
 * never older than one that was shown before, and DeleteScan takes it out.
 *
 * @throws invalid_argument, not_found
 */
export async function getScan(ports: UseCasePorts, caller: Caller, request: { readonly id: string }): Promise<ScanView> {
  const id = readRequest((reader) => reader.id('id', request.id));
  const key = scanCacheKey(id);
  const cached = await ports.cache.get(key);
  const hit = cached.value === null ? null : scanFromText(cached.value);
  if (hit !== null && hit.organizationId === caller.scope.organizationId) return { scan: hit, queuePosition: 0 };
  const scan = await findScan(ports, caller, id);
  if (isTerminal(scan.status)) await ports.cache.set(key, scanToText(scan), { version: scan.sequence, lookedUpAt: cached.at });
  return viewOf(ports, caller, scan);
}
