import { failedPrecondition } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import { findScan, queueFull, scanAfter } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';
import { viewOf } from './scan-view.ts';
import type { ScanView } from './scan-view.ts';
import { findSource } from './source-upload.ts';

/**
 * Queues a pending scan once its source is there: an upload that the storage service has seen with the declared size and
 * hash, or, without an upload, a Git URL that the runner clones. Idempotent.
 *
 * @throws invalid_argument, not_found, failed_precondition when the source is missing or the scan ended before it was
 *   started, resource_exhausted when too many scans of the organization wait
 */
export async function startScan(ports: UseCasePorts, caller: Caller, request: { readonly id: string }): Promise<ScanView> {
  const id = readRequest((reader) => reader.id('id', request.id));
  const scan = await findScan(ports, caller, id);
  if (scan.status === 'pending') await settleSource(ports, caller, scan);
  caller.signal.throwIfAborted();
  const { limits } = ports.policy;
  const result = await ports.scans.start(caller.scope, { scanId: id, actor: caller.actor, limits, at: ports.clock.now() });
  if (result.kind === 'queue_full') throw queueFull(result.limit);
  return viewOf(ports, caller, scanAfter(ports, result, id, 'started'));
}

async function settleSource(ports: UseCasePorts, caller: Caller, scan: Scan): Promise<void> {
  const source = await findSource(ports.storage, caller.scope, scan);
  if (source?.artifact.status === 'available') {
    if (source.artifact.id === scan.source.artifactId) return;
    const at = ports.clock.now();
    const result = await ports.scans.setSourceArtifact(caller.scope, { scanId: scan.id, artifactId: source.artifact.id, at });
    // Refused when a call beside this one has started the scan; `start` answers that.
    if (result.kind !== 'refused') scanAfter(ports, result, scan.id, 'given a source');
    return;
  }
  if (scan.source.gitUrl !== null && scan.source.artifactId === null) return;
  throw failedPrecondition(
    source === null
      ? `the source of scan ${scan.id} has expired; ask for a new upload URL with GetUploadURL, upload it and call StartScan again`
      : `artifact ${source.artifact.id}, the source of scan ${scan.id}, was not uploaded with its declared size and hash; upload it and call StartScan again`,
  );
}
