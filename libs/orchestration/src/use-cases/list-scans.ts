import { notFound, scanStatuses } from '@cloudscan/domain';
import type { Scan, ScanStatus } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { Given, GivenPage } from '../input/request-reader.ts';
import type { Page } from '../ports/page.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface ListScansRequest extends GivenPage {
  readonly organizationId: string;
  /** Every project's when empty. */
  readonly projectId: string;
  readonly status: Given<ScanStatus>;
}

/**
 * An organization's scans, newest first.
 *
 * @throws invalid_argument, not_found for an organization or project that is not there
 */
export async function listScans(ports: UseCasePorts, caller: Caller, request: ListScansRequest): Promise<Page<Scan>> {
  const { organizationId, ...query } = readRequest((reader) => ({
    organizationId: reader.id('organization_id', request.organizationId),
    projectId: reader.optionalId('project_id', request.projectId),
    status: reader.optionalMember('status', request.status, scanStatuses),
    ...reader.page(request),
  }));
  const page = await ports.scans.list(caller.scope, query);
  // A page that holds scans has shown that there is such an organization and project.
  if (page.items.length === 0) await expectOwner(ports, caller, organizationId, query.projectId);
  return page;
}

async function expectOwner(
  { organizations, projects }: UseCasePorts,
  { scope }: Caller,
  organizationId: string,
  projectId: string | null,
): Promise<void> {
  if (projectId === null) {
    if ((await organizations.findById(scope, organizationId)) === null) throw notFound('organization', organizationId);
  } else if ((await projects.findById(scope, projectId)) === null) {
    throw notFound('project', projectId);
  }
}
