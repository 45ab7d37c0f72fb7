import { systemScope } from '@cloudscan/auth';
import type { Database, Statement, Transaction } from '@cloudscan/database';
import { expectWithin } from './quota.ts';
import type { Addition, Quota, QuotaLimits } from './quota.ts';

/** An organization whose totals are not those of its artifacts. */
export interface WrongTotals {
  readonly organizationId: string;
  readonly noted: Totals;
  readonly counted: Totals;
}

interface Totals {
  readonly bytes: number;
  readonly artifacts: number;
}

const scope = systemScope('storage');
const columns = 'organization_id, used_bytes, used_artifacts, max_bytes, max_artifacts, max_upload_bytes';

const statements = {
  find: `SELECT ${columns} FROM storage.organizations WHERE organization_id = $1`,
  setLimits: `INSERT INTO storage.organizations (organization_id, max_bytes, max_artifacts, max_upload_bytes) VALUES ($1, $2, $3, $4)
    ON CONFLICT (organization_id) DO UPDATE
      SET max_bytes = EXCLUDED.max_bytes, max_artifacts = EXCLUDED.max_artifacts, max_upload_bytes = EXCLUDED.max_upload_bytes
    RETURNING ${columns}`,
  // Adds first and looks afterwards: one statement that locks the row, so that calls at the same time queue up behind it.
  charge: `INSERT INTO storage.organizations AS organization (organization_id, used_bytes, used_artifacts) VALUES ($1, $2, $3)
    ON CONFLICT (organization_id) DO UPDATE
      SET used_bytes = organization.used_bytes + EXCLUDED.used_bytes, used_artifacts = organization.used_artifacts + EXCLUDED.used_artifacts
    RETURNING ${columns}`,
  // One statement sees one moment, and totals change with their rows: what differs here is wrong.
  wrongTotals: `SELECT organization_id, coalesce(used_bytes, 0) AS used_bytes, coalesce(used_artifacts, 0) AS used_artifacts,
      coalesce(bytes, 0) AS bytes, coalesce(artifacts, 0) AS artifacts
    FROM storage.organizations FULL JOIN (
      SELECT organization_id, sum(size_bytes)::bigint AS bytes, count(*) AS artifacts FROM storage.artifacts GROUP BY organization_id
    ) AS counted USING (organization_id)
    WHERE (coalesce(used_bytes, 0), coalesce(used_artifacts, 0)) <> (coalesce(bytes, 0), coalesce(artifacts, 0)) ORDER BY organization_id`,
  lock: `INSERT INTO storage.organizations (organization_id) VALUES ($1)
    ON CONFLICT (organization_id) DO UPDATE SET organization_id = EXCLUDED.organization_id`,
  recount: `UPDATE storage.organizations SET (used_bytes, used_artifacts) =
      (SELECT coalesce(sum(size_bytes), 0), count(*) FROM storage.artifacts WHERE artifacts.organization_id = $1)
    WHERE organization_id = $1`,
} as const;

/** What organizations keep and may keep. */
export class QuotaRepository {
  readonly #database: Database;
  readonly #defaults: QuotaLimits;

  constructor(database: Database, defaults: QuotaLimits) {
    this.#database = database;
    this.#defaults = defaults;
  }

  async find(organizationId: string): Promise<Quota> {
    const { rows } = await this.#database.query<OrganizationRow>(scope, statementOf('find'), [organizationId]);
    return this.#toQuota(rows[0] ?? { organization_id: organizationId, ...untouched });
  }

  /** Replaces all three limits; null is the service's default again. */
  async setLimits(organizationId: string, { bytes, artifacts, uploadBytes }: Quota['ownLimits']): Promise<Quota> {
    const values = [organizationId, bytes, artifacts, uploadBytes];
    const { rows } = await this.#database.query<OrganizationRow>(scope, statementOf('setLimits'), values);
    return this.#toQuota(rows[0]!);
  }

  /**
   * Adds to an organization's totals, in the transaction that changes its artifacts. It is the last lock of each: rows of
   * artifacts come before.
   *
   * @throws DomainError `resource_exhausted`, which takes the transaction back
   */
  async charge(transaction: Transaction, organizationId: string, added: Addition): Promise<void> {
    const { rows } = await transaction.query<OrganizationRow>(statementOf('charge'), [organizationId, added.bytes, added.artifacts]);
    expectWithin(this.#toQuota(rows[0]!), added);
  }

  async wrongTotals(): Promise<readonly WrongTotals[]> {
    const { rows } = await this.#database.query<CountedRow>(scope, statementOf('wrongTotals'));
    return rows.map((row) => ({
      organizationId: row.organization_id,
      noted: { bytes: row.used_bytes, artifacts: row.used_artifacts },
      counted: { bytes: row.bytes, artifacts: row.artifacts },
    }));
  }

  /** Makes an organization's totals those of its artifacts; what is under way then adds to them. */
  async recount(organizationId: string): Promise<void> {
    await this.#database.transaction(scope, async (transaction) => {
      await transaction.query(statementOf('lock'), [organizationId]);
      await transaction.query(statementOf('recount'), [organizationId]);
    });
  }

  #toQuota(row: OrganizationRow): Quota {
    const ownLimits = { bytes: row.max_bytes, artifacts: row.max_artifacts, uploadBytes: row.max_upload_bytes };
    return {
      organizationId: row.organization_id,
      limits: {
        bytes: ownLimits.bytes ?? this.#defaults.bytes,
        artifacts: ownLimits.artifacts ?? this.#defaults.artifacts,
        uploadBytes: ownLimits.uploadBytes ?? this.#defaults.uploadBytes,
      },
      ownLimits,
      usedBytes: row.used_bytes,
      usedArtifacts: row.used_artifacts,
    };
  }
}

interface OrganizationRow {
  readonly organization_id: string;
  readonly used_bytes: number;
  readonly used_artifacts: number;
  readonly max_bytes: number | null;
  readonly max_artifacts: number | null;
  readonly max_upload_bytes: number | null;
}

type CountedRow = Pick<OrganizationRow, 'organization_id' | 'used_bytes' | 'used_artifacts'> & Totals;

const untouched = { used_bytes: 0, used_artifacts: 0, max_bytes: null, max_artifacts: null, max_upload_bytes: null };

function statementOf(name: keyof typeof statements): Statement {
  return { name: `quota-${name}`, text: statements[name] };
}
