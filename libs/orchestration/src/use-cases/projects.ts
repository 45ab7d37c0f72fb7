import type { Project } from '@cloudscan/domain';
import { failedPrecondition, notFound } from '@cloudscan/domain';
import { readGitUrl } from '../input/git-source.ts';
import { readRequest } from '../input/request-reader.ts';
import type { GivenPage, RequestReader } from '../input/request-reader.ts';
import type { ProjectChange } from '../ports/organization-repository.ts';
import type { Page } from '../ports/page.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface CreateProjectRequest {
  readonly organizationId: string;
  readonly name: string;
  readonly description: string;
  readonly gitUrl: string;
}

export interface ListProjectsRequest extends GivenPage {
  readonly organizationId: string;
  /** Exact; every project when empty. */
  readonly name: string;
}

/** What is undefined stays as it is. */
export interface UpdateProjectRequest {
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly gitUrl?: string | undefined;
}

/** @throws invalid_argument, not_found for the organization, already_exists for a name that it has */
export async function createProject(ports: UseCasePorts, caller: Caller, request: CreateProjectRequest): Promise<Project> {
  const fields = readRequest((reader) => ({
    organizationId: reader.id('organization_id', request.organizationId),
    name: readName(reader, request.name),
    description: reader.text('description', request.description, { max: 4000 }),
    gitUrl: readGitUrl(reader, 'git_url', request.gitUrl, ports.policy.gitProtocols) ?? '',
  }));
  const at = ports.clock.now();
  const project = await ports.projects.create(caller.scope, {
    id: ports.newId(at),
    ...fields,
    createdAt: at,
    updatedAt: at,
  });
  if (project === null) throw notFound('organization', fields.organizationId);
  return project;
}

/** @throws invalid_argument, not_found */
export async function getProject(ports: UseCasePorts, caller: Caller, request: { readonly id: string }): Promise<Project> {
  const id = readRequest((reader) => reader.id('id', request.id));
  const project = await ports.projects.findById(caller.scope, id);
  if (project === null) throw notFound('project', id);
  return project;
}

/** By name. @throws invalid_argument, not_found for the organization */
export async function listProjects(ports: UseCasePorts, caller: Caller, request: ListProjectsRequest): Promise<Page<Project>> {
  const { organizationId, ...query } = readRequest((reader) => ({
    organizationId: reader.id('organization_id', request.organizationId),
    name: reader.line('name', request.name, { max: 200 }) || null,
    ...reader.page(request),
  }));
  const page = await ports.projects.list(caller.scope, query);
  // A page that holds projects has shown that there is such an organization.
  if (page.items.length === 0 && (await ports.organizations.findById(caller.scope, organizationId)) === null) {
    throw notFound('organization', organizationId);
  }
  return page;
}

/** @throws invalid_argument, not_found, already_exists for a name that the organization has */
export async function updateProject(ports: UseCasePorts, caller: Caller, request: UpdateProjectRequest): Promise<Project> {
  const { name, description, gitUrl } = request;
  const { id, change } = readRequest((reader) => ({
    id: reader.id('id', request.id),
    change: {
      ...(name === undefined ? {} : { name: readName(reader, name) }),
      ...(description === undefined ? {} : { description: reader.text('description', description, { max: 4000 }) }),
      ...(gitUrl === undefined ? {} : { gitUrl: readGitUrl(reader, 'git_url', gitUrl, ports.policy.gitProtocols) ?? '' }),
    } satisfies ProjectChange,
  }));
  const project = await ports.projects.update(caller.scope, id, change, ports.clock.now());
  if (project === null) throw notFound('project', id);
  return project;
}

/** Idempotent. @throws invalid_argument, failed_precondition while it has scans */
export async function deleteProject(ports: UseCasePorts, caller: Caller, request: { readonly id: string }): Promise<void> {
  const id = readRequest((reader) => reader.id('id', request.id));
  if ((await ports.projects.delete(caller.scope, id)) === 'has_scans') {
    throw failedPrecondition(`project ${id} has scans; delete them first with DeleteProjectScans`);
  }
}

function readName(reader: RequestReader, name: string): string {
  return reader.line('name', name, { max: 200, required: true });
}
