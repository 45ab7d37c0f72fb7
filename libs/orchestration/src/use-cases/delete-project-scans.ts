import { notFound } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { Caller, UseCasePorts } from './ports.ts';
import { scanCacheKey } from './scan-cache.ts';

/** Scans that one transaction deletes, so that none holds its locks for long. */
const batchSize = 500;

/**
 * Deletes all scans of a project and answers how many there were. A caller that stops waiting leaves the rest; calling again
 * goes on with it.
 *
 * @throws invalid_argument, not_found
 */
export async function deleteProjectScans(ports: UseCasePorts, caller: Caller, request: { readonly projectId: string }): Promise<number> {
  const { scans, projects, events, cache, clock, policy } = ports;
  const { scope, actor, signal } = caller;
  const projectId = readRequest((reader) => reader.id('project_id', request.projectId));
  if ((await projects.findById(scope, projectId)) === null) throw notFound('project', projectId);
  let deleted = 0;
  for (;;) {
    signal.throwIfAborted();
    const ids = await scans.deleteOfProject(scope, { projectId, actor, limit: batchSize, limits: policy.limits, at: clock.now() });
    if (ids.length === 0) return deleted;
    deleted += ids.length;
    for (const scanId of ids) events.publish({ organizationId: scope.organizationId, scanId, sequence: 0, deleted: true });
    await cache.delete(ids.map(scanCacheKey), signal);
  }
}
