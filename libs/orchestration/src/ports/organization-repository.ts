import type { OrganizationScope, SystemScope } from '@cloudscan/auth';
import type { Organization, Project } from '@cloudscan/domain';
import type { Page, PageRequest } from './page.ts';

/** Organizations. Throws `already_exists` for a name that is taken. */
export interface OrganizationRepository {
  create(scope: SystemScope, organization: Organization): Promise<Organization>;
  findById(scope: OrganizationScope | SystemScope, id: string): Promise<Organization | null>;
  findByName(scope: SystemScope, name: string): Promise<Organization | null>;
  /** By name. */
  list(scope: SystemScope, request: PageRequest): Promise<Page<Organization>>;
  /** Null when there is none. */
  update(scope: OrganizationScope, id: string, change: OrganizationChange, at: Date): Promise<Organization | null>;
  delete(scope: SystemScope, id: string): Promise<'deleted' | 'absent' | 'has_projects'>;
}

export interface OrganizationChange {
  readonly displayName?: string;
  readonly maxRunningScans?: number;
  readonly maxQueuedScans?: number;
}

/** Projects. Throws `already_exists` for a name that the organization has. */
export interface ProjectRepository {
  /** Null when the organization does not exist. */
  create(scope: OrganizationScope, project: Project): Promise<Project | null>;
  findById(scope: OrganizationScope, id: string): Promise<Project | null>;
  /** By name. */
  list(scope: OrganizationScope, request: PageRequest & { readonly name: string | null }): Promise<Page<Project>>;
  update(scope: OrganizationScope, id: string, change: ProjectChange, at: Date): Promise<Project | null>;
  delete(scope: OrganizationScope, id: string): Promise<'deleted' | 'absent' | 'has_scans'>;
}

export interface ProjectChange {
  readonly name?: string;
  readonly description?: string;
  readonly gitUrl?: string;
}
