import type { OrganizationScope } from '@cloudscan/auth';
import { errorCode, sqlStates } from '@cloudscan/database';
import type { Database, Statement } from '@cloudscan/database';
import { DomainError, isUuid } from '@cloudscan/domain';
import type { Project } from '@cloudscan/domain';
import type { Page, PageRequest, ProjectChange, ProjectRepository } from '@cloudscan/orchestration';
import { decodePageToken, maxExactTotal, toPage } from '../page.ts';

interface ProjectRow {
  readonly id: string;
  readonly organization_id: string;
  readonly name: string;
  readonly description: string;
  readonly git_url: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const insertStatement: Statement = {
  name: 'insert-project',
  text: `INSERT INTO projects (id, organization_id, name, description, git_url, created_at, updated_at)
    SELECT $1, id, $3, $4, $5, $6, $7 FROM organizations WHERE id = $2 RETURNING *`,
};
const findStatement: Statement = { name: 'find-project', text: 'SELECT * FROM projects WHERE id = $1 AND organization_id = $2' };
const listStatement: Statement = {
  name: 'list-projects',
  text: `SELECT * FROM projects WHERE organization_id = $1 AND name > $2 AND ($3::text IS NULL OR name = $3) ORDER BY name LIMIT $4`,
};
const countStatement: Statement = {
  name: 'count-projects',
  text: `SELECT count(*) AS total FROM (
      SELECT FROM projects WHERE organization_id = $1 AND ($2::text IS NULL OR name = $2) LIMIT ${maxExactTotal + 1}
    ) AS counted`,
};
const updateStatement: Statement = {
  name: 'update-project',
  text: `UPDATE projects SET name = coalesce($3, name), description = coalesce($4, description), git_url = coalesce($5, git_url), updated_at = $6
    WHERE id = $1 AND organization_id = $2 RETURNING *`,
};
// CreateScan holds FOR KEY SHARE on its project: the look for scans begins when every such CreateScan has ended.
const lockStatement: Statement = {
  name: 'lock-project-to-delete',
  text: 'SELECT FROM projects WHERE id = $1 AND organization_id = $2 FOR UPDATE',
};
const hasScansStatement: Statement = {
  name: 'project-has-scans',
  text: 'SELECT FROM scans WHERE organization_id = $2 AND project_id = $1 LIMIT 1',
};
const deleteStatement: Statement = { name: 'delete-project', text: 'DELETE FROM projects WHERE id = $1 AND organization_id = $2' };

/** Projects in PostgreSQL. */
export class PgProjectRepository implements ProjectRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(scope: OrganizationScope, project: Project): Promise<Project | null> {
    const { id, name, description, gitUrl, createdAt, updatedAt } = project;
    try {
      const { rows } = await this.#database.query<ProjectRow>(scope, insertStatement, [
        id,
        scope.organizationId,
        name,
        description,
        gitUrl,
        createdAt,
        updatedAt,
      ]);
      return rows[0] === undefined ? null : toProject(rows[0]);
    } catch (error) {
      // The organization went between the look and the insert.
      if (errorCode((error as Error).cause) === sqlStates.foreignKeyViolation) return null;
      throw nameIsTaken(error, name);
    }
  }

  async findById(scope: OrganizationScope, id: string): Promise<Project | null> {
    if (!isUuid(id)) return null;
    const { rows } = await this.#database.query<ProjectRow>(scope, findStatement, [id, scope.organizationId]);
    return rows[0] === undefined ? null : toProject(rows[0]);
  }

  async list(scope: OrganizationScope, request: PageRequest & { readonly name: string | null }): Promise<Page<Project>> {
    const { pageSize, pageToken, name: only } = request;
    const key = ['projects', scope.organizationId, only];
    const [after = ''] = decodePageToken(key, pageToken) ?? [];
    return this.#database.transaction(scope, async (transaction) => {
      const { rows } = await transaction.query<ProjectRow>(listStatement, [scope.organizationId, after, only, pageSize + 1]);
      const { rows: counted } = await transaction.query<{ total: number }>(countStatement, [scope.organizationId, only]);
      return toPage(rows, pageSize, counted[0]!.total, key, toProject, ({ name }) => [name]);
    });
  }

  async update(scope: OrganizationScope, id: string, change: ProjectChange, at: Date): Promise<Project | null> {
    if (!isUuid(id)) return null;
    try {
      const values = [id, scope.organizationId, change.name, change.description, change.gitUrl, at];
      const { rows } = await this.#database.query<ProjectRow>(scope, updateStatement, values);
      return rows[0] === undefined ? null : toProject(rows[0]);
    } catch (error) {
      throw nameIsTaken(error, change.name ?? '');
    }
  }

  async delete(scope: OrganizationScope, id: string): Promise<'deleted' | 'absent' | 'has_scans'> {
    if (!isUuid(id)) return 'absent';
    const key = [id, scope.organizationId];
    return this.#database.transaction(scope, async (transaction) => {
      if ((await transaction.query(lockStatement, key)).rowCount === 0) return 'absent';
      if ((await transaction.query(hasScansStatement, key)).rowCount > 0) return 'has_scans';
      await transaction.query(deleteStatement, key);
      return 'deleted';
    });
  }
}

/** The error itself unless it says that the organization has such a name. */
function nameIsTaken(error: unknown, name: string): unknown {
  if (errorCode((error as Error).cause) !== sqlStates.uniqueViolation) return error;
  return new DomainError('already_exists', `there is a project named ${JSON.stringify(name)} already`);
}

function toProject(row: ProjectRow): Project {
  return {
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    description: row.description,
    gitUrl: row.git_url,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
