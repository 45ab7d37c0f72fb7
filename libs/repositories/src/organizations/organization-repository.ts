import type { OrganizationScope, SystemScope } from '@cloudscan/auth';
import { errorCode, sqlStates } from '@cloudscan/database';
import type { Database, Statement } from '@cloudscan/database';
import { DomainError, isUuid } from '@cloudscan/domain';
import type { Organization } from '@cloudscan/domain';
import type { OrganizationChange, OrganizationRepository, Page, PageRequest } from '@cloudscan/orchestration';
import { decodePageToken, maxExactTotal, toPage } from '../page.ts';

interface OrganizationRow {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly max_running_scans: number;
  readonly max_queued_scans: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const insertStatement: Statement = {
  name: 'insert-organization',
  text: `INSERT INTO organizations (id, name, display_name, max_running_scans, max_queued_scans, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING RETURNING *`,
};
const findStatement: Statement = {
  name: 'find-organization',
  text: 'SELECT * FROM organizations WHERE id = $1 AND ($2::uuid IS NULL OR id = $2)',
};
const findByNameStatement: Statement = { name: 'find-organization-by-name', text: 'SELECT * FROM organizations WHERE name = $1' };
const listStatement: Statement = { name: 'list-organizations', text: 'SELECT * FROM organizations WHERE name > $1 ORDER BY name LIMIT $2' };
const countStatement: Statement = {
  name: 'count-organizations',
  text: `SELECT count(*) AS total FROM (SELECT FROM organizations LIMIT ${maxExactTotal + 1}) AS counted`,
};
const updateStatement: Statement = {
  name: 'update-organization',
  text: `UPDATE organizations SET display_name = coalesce($3, display_name), max_running_scans = coalesce($4, max_running_scans),
      max_queued_scans = coalesce($5, max_queued_scans), updated_at = $6
    WHERE id = $1 AND id = $2 RETURNING *`,
};
const deleteStatement: Statement = { name: 'delete-organization', text: 'DELETE FROM organizations WHERE id = $1' };

/** Organizations in PostgreSQL. */
export class PgOrganizationRepository implements OrganizationRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(scope: SystemScope, organization: Organization): Promise<Organization> {
    const { id, name, displayName, maxRunningScans, maxQueuedScans, createdAt, updatedAt } = organization;
    const values = [id, name, displayName, maxRunningScans, maxQueuedScans, createdAt, updatedAt];
    const { rows } = await this.#database.query<OrganizationRow>(scope, insertStatement, values);
    if (rows[0] === undefined) throw new DomainError('already_exists', `there is an organization named ${name} already`);
    return toOrganization(rows[0]);
  }

  async findById(scope: OrganizationScope | SystemScope, id: string): Promise<Organization | null> {
    if (!isUuid(id)) return null;
    const own = scope.kind === 'organization' ? scope.organizationId : null;
    const { rows } = await this.#database.query<OrganizationRow>(scope, findStatement, [id, own]);
    return rows[0] === undefined ? null : toOrganization(rows[0]);
  }

  async findByName(scope: SystemScope, name: string): Promise<Organization | null> {
    const { rows } = await this.#database.query<OrganizationRow>(scope, findByNameStatement, [name]);
    return rows[0] === undefined ? null : toOrganization(rows[0]);
  }

  async list(scope: SystemScope, { pageSize, pageToken }: PageRequest): Promise<Page<Organization>> {
    const key = ['organizations'];
    const [after = ''] = decodePageToken(key, pageToken) ?? [];
    return this.#database.transaction(scope, async (transaction) => {
      const { rows } = await transaction.query<OrganizationRow>(listStatement, [after, pageSize + 1]);
      const { rows: counted } = await transaction.query<{ total: number }>(countStatement);
      return toPage(rows, pageSize, counted[0]!.total, key, toOrganization, ({ name }) => [name]);
    });
  }

  async update(scope: OrganizationScope, id: string, change: OrganizationChange, at: Date): Promise<Organization | null> {
    if (!isUuid(id)) return null;
    const values = [id, scope.organizationId, change.displayName, change.maxRunningScans, change.maxQueuedScans, at];
    const { rows } = await this.#database.query<OrganizationRow>(scope, updateStatement, values);
    return rows[0] === undefined ? null : toOrganization(rows[0]);
  }

  async delete(scope: SystemScope, id: string): Promise<'deleted' | 'absent' | 'has_projects'> {
    if (!isUuid(id)) return 'absent';
    try {
      const { rowCount } = await this.#database.query(scope, deleteStatement, [id]);
      return rowCount === 0 ? 'absent' : 'deleted';
    } catch (error) {
      if (errorCode((error as Error).cause) === sqlStates.foreignKeyViolation) return 'has_projects';
      throw error;
    }
  }
}

function toOrganization(row: OrganizationRow): Organization {
  return {
    id: row.id,
    name: row.name,
    displayName: row.display_name,
    maxRunningScans: row.max_running_scans,
    maxQueuedScans: row.max_queued_scans,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
