import { notFound, scanStatuses } from '@cloudscan/domain';
import type { Scan, ScanStatus } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { Given, GivenPage } from '../input/request-reader.ts';
import type { Page } from '../ports/page.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface ListScansRequest extends GivenPage {
  /** Every project's when empty. */
  readonly projectId: string;
  readonly status: Given<ScanStatus>;
}

/**
 * An organization's scans, newest first.
 *
 * @throws invalid_argument, not_found for a project that the organization does not have
 */
export async function listScans(ports: UseCasePorts, caller: Caller, request: ListScansRequest): Promise<Page<Scan>> {
  const query = readRequest((reader) => ({
    projectId: reader.optionalId('project_id', request.projectId),
    status: reader.optionalMember('status', request.status, scanStatuses),
    ...reader.page(request),
  }));
  const page = await ports.scans.list(caller.scope, query);
  // A page that holds scans has shown that the project is there.
  if (page.items.length === 0 && query.projectId !== null && (await ports.projects.findById(caller.scope, query.projectId)) === null) {
    throw notFound('project', query.projectId);
  }
  return page;
}
