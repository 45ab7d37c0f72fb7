import type { Database } from '@cloudscan/database';
import type {
  ImportRepository,
  OrganizationRepository,
  ProjectRepository,
  ScanRepository,
  SystemScanRepository,
} from '@cloudscan/orchestration';
import { PgOrganizationRepository } from './organizations/organization-repository.ts';
import { PgProjectRepository } from './organizations/project-repository.ts';
import { PgImportRepository } from './scans/import-repository.ts';
import { PgScanRepository } from './scans/scan-repository.ts';
import { PgSystemScanRepository } from './scans/system-scan-repository.ts';
import type { TransactionalJobs } from './transactional-jobs.ts';

export interface Repositories {
  readonly organizations: OrganizationRepository;
  readonly projects: ProjectRepository;
  readonly scans: ScanRepository;
  readonly imports: ImportRepository;
  readonly systemScans: SystemScanRepository;
}

/** The repositories over one pool. @param jobs sends their queue messages within their transactions */
export function createRepositories(database: Database, jobs: TransactionalJobs): Repositories {
  return {
    organizations: new PgOrganizationRepository(database),
    projects: new PgProjectRepository(database),
    scans: new PgScanRepository(database, jobs),
    imports: new PgImportRepository(database),
    systemScans: new PgSystemScanRepository(database, jobs),
  };
}
