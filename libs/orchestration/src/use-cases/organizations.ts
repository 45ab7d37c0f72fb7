import type { Organization } from '@cloudscan/domain';
import { failedPrecondition, notFound } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { GivenPage, RequestReader } from '../input/request-reader.ts';
import type { OrganizationChange } from '../ports/organization-repository.ts';
import type { Page } from '../ports/page.ts';
import type { Caller, SystemCaller, UseCasePorts } from './ports.ts';

export interface CreateOrganizationRequest {
  readonly name: string;
  readonly displayName: string;
  readonly maxRunningScans: number;
  readonly maxQueuedScans: number;
}

/** One of the two. */
export interface GetOrganizationRequest {
  readonly id: string;
  readonly name: string;
}

/** What is undefined stays as it is. */
export interface UpdateOrganizationRequest {
  readonly id: string;
  readonly displayName?: string | undefined;
  readonly maxRunningScans?: number | undefined;
  readonly maxQueuedScans?: number | undefined;
}

/** RFC 1123, section 2.1, as Kubernetes uses it. */
const label = {
  pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
  description: '1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit',
};
const maxCap = 1_000_000;

/** @throws invalid_argument, already_exists for a name that is taken */
export async function createOrganization(
  ports: UseCasePorts,
  caller: SystemCaller,
  request: CreateOrganizationRequest,
): Promise<Organization> {
  const fields = readRequest((reader) => ({
    name: readName(reader, request.name),
    displayName: reader.line('display_name', request.displayName, { max: 200 }),
    maxRunningScans: readCap(reader, 'max_running_scans', request.maxRunningScans),
    maxQueuedScans: readCap(reader, 'max_queued_scans', request.maxQueuedScans),
  }));
  const at = ports.clock.now();
  return ports.organizations.create(caller.scope, { id: ports.newId(at), ...fields, createdAt: at, updatedAt: at });
}

/** @throws invalid_argument, not_found */
export async function getOrganization(ports: UseCasePorts, caller: Caller, request: GetOrganizationRequest): Promise<Organization> {
  const id = readRequest((reader) => {
    if (request.name !== '') reader.wrong('name', 'is given together with the id; leave one of the two out');
    return reader.id('id', request.id);
  });
  const organization = await ports.organizations.findById(caller.scope, id);
  if (organization === null) throw notFound('organization', id);
  return organization;
}

/** @throws invalid_argument, not_found */
export async function getOrganizationByName(
  ports: UseCasePorts,
  caller: SystemCaller,
  request: { readonly name: string },
): Promise<Organization> {
  const name = readRequest((reader) => readName(reader, request.name));
  const organization = await ports.organizations.findByName(caller.scope, name);
  if (organization === null) throw notFound('organization', name);
  return organization;
}

/** By name. @throws invalid_argument */
export async function listOrganizations(ports: UseCasePorts, caller: SystemCaller, request: GivenPage): Promise<Page<Organization>> {
  const page = readRequest((reader) => reader.page(request));
  return ports.organizations.list(caller.scope, page);
}

/** @throws invalid_argument, not_found */
export async function updateOrganization(ports: UseCasePorts, caller: Caller, request: UpdateOrganizationRequest): Promise<Organization> {
  const { displayName, maxRunningScans, maxQueuedScans } = request;
  const { id, change } = readRequest((reader) => ({
    id: reader.id('id', request.id),
    change: {
      ...(displayName === undefined ? {} : { displayName: reader.line('display_name', displayName, { max: 200 }) }),
      ...(maxRunningScans === undefined ? {} : { maxRunningScans: readCap(reader, 'max_running_scans', maxRunningScans) }),
      ...(maxQueuedScans === undefined ? {} : { maxQueuedScans: readCap(reader, 'max_queued_scans', maxQueuedScans) }),
    } satisfies OrganizationChange,
  }));
  const organization = await ports.organizations.update(caller.scope, id, change, ports.clock.now());
  if (organization === null) throw notFound('organization', id);
  return organization;
}

/** Idempotent. @throws invalid_argument, failed_precondition while it has projects */
export async function deleteOrganization(ports: UseCasePorts, caller: SystemCaller, request: { readonly id: string }): Promise<void> {
  const id = readRequest((reader) => reader.id('id', request.id));
  if ((await ports.organizations.delete(caller.scope, id)) === 'has_projects') {
    throw failedPrecondition(`organization ${id} has projects; delete them first`);
  }
}

function readName(reader: RequestReader, name: string): string {
  return reader.line('name', name, { max: 63, required: true, form: label });
}

function readCap(reader: RequestReader, field: string, value: number): number {
  return reader.integer(field, value, { min: 0, max: maxCap });
}
