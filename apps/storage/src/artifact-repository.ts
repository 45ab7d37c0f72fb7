import { systemScope } from '@cloudscan/auth';
import type { Database, DatabaseRoles, Statement } from '@cloudscan/database';
import type { Artifact, ArtifactStatus, ArtifactType } from '@cloudscan/domain';
import type { QuotaRepository } from './quota-repository.ts';

export const storageRoles: DatabaseRoles = { organization: 'cloudscan_storage', system: 'cloudscan_storage' };

export interface StoredArtifact extends Artifact {
  /** The multipart upload that was begun, and that it came by once it is available. */
  readonly uploadId: string | null;
}

export interface ArtifactFilter {
  readonly scanId: string | null;
  readonly organizationId: string | null;
  readonly type: ArtifactType | null;
}

/** What has to be removed from the object store before the row goes. */
export interface Doomed {
  readonly id: string;
  readonly objectKey: string;
  readonly uploadId: string | null;
}

/** Above this a total is a bound. */
export const maxTotal = 10_000;

const scope = systemScope('storage');
const columns =
  'id, organization_id, scan_id, type, filename, content_type, size_bytes, sha256, object_key, multipart_upload_id, status, created_at, expires_at';
const doomedColumns = 'id, object_key, multipart_upload_id';

const statements = {
  insert: `INSERT INTO storage.artifacts (id, organization_id, scan_id, type, filename, content_type, size_bytes, sha256, object_key, status, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'created', $10, $11)`,
  find: `SELECT ${columns} FROM storage.artifacts WHERE id = $1 AND status <> 'deleting'`,
  markAvailable: `WITH announced AS (
      SELECT id AS announced_id, size_bytes AS declared_bytes FROM storage.artifacts WHERE id = $1 AND status = 'created' FOR UPDATE
    )
    UPDATE storage.artifacts SET status = 'available', size_bytes = $2, sha256 = $3, expires_at = $4
    FROM announced WHERE id = announced_id RETURNING ${columns}, declared_bytes`,
  extendUpload: `UPDATE storage.artifacts SET expires_at = greatest(expires_at, $2) WHERE id = $1 AND status = 'created'`,
  beginMultipart: `UPDATE storage.artifacts SET multipart_upload_id = $2 WHERE id = $1 AND status = 'created' AND multipart_upload_id IS NULL`,
  endMultipart: `UPDATE storage.artifacts SET multipart_upload_id = NULL WHERE id = $1 AND status = 'created' AND multipart_upload_id = $2`,
  // Locks in the order of ids, so that two calls that name the same artifacts cannot deadlock.
  markDeleting: `WITH found AS (
      SELECT id, status FROM storage.artifacts
      WHERE id = ANY ($1::uuid[]) AND ($2::uuid IS NULL OR organization_id = $2) ORDER BY id FOR UPDATE
    )
    UPDATE storage.artifacts AS artifact SET status = 'deleting' FROM found WHERE artifact.id = found.id
    RETURNING artifact.id, artifact.object_key, artifact.multipart_upload_id, found.status <> 'deleting' AS is_new`,
  markExpired: `UPDATE storage.artifacts SET status = 'deleting' WHERE status = 'available' AND expires_at <= $1`,
  unfinished: `SELECT ${columns} FROM storage.artifacts WHERE status = 'created' AND expires_at <= $1 ORDER BY id LIMIT $2`,
  deleting: `SELECT ${doomedColumns} FROM storage.artifacts WHERE status = 'deleting' AND id > $1 ORDER BY id LIMIT $2`,
  // Locks in the order of ids here too.
  remove: `WITH gone AS (
      DELETE FROM storage.artifacts WHERE id = ANY ($1::uuid[]) AND status = 'deleting' RETURNING organization_id, size_bytes
    ), freed AS (
      SELECT organization_id, sum(size_bytes)::bigint AS bytes, count(*) AS artifacts FROM gone GROUP BY organization_id
    ), locked AS (
      SELECT organization_id FROM storage.organizations
      WHERE organization_id IN (SELECT organization_id FROM freed) ORDER BY organization_id FOR UPDATE
    )
    UPDATE storage.organizations AS organization
    SET used_bytes = organization.used_bytes - freed.bytes, used_artifacts = organization.used_artifacts - freed.artifacts
    FROM freed JOIN locked USING (organization_id) WHERE organization.organization_id = freed.organization_id`,
  available: `SELECT ${columns} FROM storage.artifacts WHERE status = 'available' AND created_at < $1 AND id > $2 ORDER BY id LIMIT $3`,
  knownKeys: 'SELECT object_key FROM storage.artifacts WHERE object_key = ANY ($1)',
} as const;

/** The rows of artifacts. What they take of their organization's quota changes in the same transactions. */
export class ArtifactRepository {
  readonly #database: Database;
  readonly #quotas: QuotaRepository;

  constructor(database: Database, quotas: QuotaRepository) {
    this.#database = database;
    this.#quotas = quotas;
  }

  /** Reserves what was declared. @throws DomainError `resource_exhausted` */
  async insert(artifact: Artifact): Promise<void> {
    const { id, organizationId, scanId, type, filename, contentType, sizeBytes, sha256, storagePath, createdAt, expiresAt } = artifact;
    const described = [scanId || null, type, filename, contentType, sizeBytes, sha256, storagePath, createdAt, expiresAt];
    await this.#database.transaction(scope, async (transaction) => {
      await this.#quotas.charge(transaction, organizationId, { artifacts: 1, bytes: sizeBytes });
      await transaction.query(statementOf('insert'), [id, organizationId, ...described]);
    });
  }

  /** Null when there is none, or when it is being deleted. */
  async find(id: string): Promise<StoredArtifact | null> {
    const [row] = await this.#run<ArtifactRow>('find', [id]);
    return row === undefined ? null : toArtifact(row);
  }

  /** Newest first, from below `beforeId`; the total up to {@link maxTotal} + 1. */
  async list(
    filter: ArtifactFilter,
    beforeId: string | null,
    limit: number,
  ): Promise<{ readonly items: readonly StoredArtifact[]; readonly total: number }> {
    const { conditions, values, name } = whereOf(filter);
    const from = `FROM storage.artifacts WHERE ${conditions}`;
    const [first, second] = [`$${values.length + 1}`, `$${values.length + 2}`];
    const page = {
      name: `list-${name}`,
      text: `SELECT ${columns} ${from} AND (${first}::uuid IS NULL OR id < ${first}) ORDER BY id DESC LIMIT ${second}`,
    };
    const count = { name: `count-${name}`, text: `SELECT count(*) AS total FROM (SELECT ${from} LIMIT ${first}) AS counted` };
    return this.#database.transaction(scope, async (transaction) => {
      const items = await transaction.query<ArtifactRow>(page, [...values, beforeId, limit]);
      const counted = await transaction.query<{ total: number }>(count, [...values, maxTotal + 1]);
      return { items: items.rows.map(toArtifact), total: counted.rows[0]!.total };
    });
  }

  /** The size as seen takes the declared one's place. Null when it was not `created` any more. @throws DomainError `resource_exhausted` */
  async markAvailable(id: string, seen: Pick<Artifact, 'sizeBytes' | 'sha256' | 'expiresAt'>): Promise<StoredArtifact | null> {
    const values = [id, seen.sizeBytes, seen.sha256, seen.expiresAt];
    return this.#database.transaction(scope, async (transaction) => {
      const { rows } = await transaction.query<ArtifactRow & { readonly declared_bytes: number }>(statementOf('markAvailable'), values);
      const [row] = rows;
      if (row === undefined) return null;
      const bytes = row.size_bytes - row.declared_bytes;
      if (bytes !== 0) await this.#quotas.charge(transaction, row.organization_id, { artifacts: 0, bytes });
      return toArtifact(row);
    });
  }

  /** The row outlives every URL that was given for its upload. */
  async extendUpload(id: string, expiresAt: Date): Promise<void> {
    await this.#run('extendUpload', [id, expiresAt]);
  }

  /** False when another upload was begun, or the artifact is not `created` any more. */
  async beginMultipart(id: string, uploadId: string): Promise<boolean> {
    return (await this.#count('beginMultipart', [id, uploadId])) === 1;
  }

  async endMultipart(id: string, uploadId: string): Promise<void> {
    await this.#run('endMultipart', [id, uploadId]);
  }

  /** Answers all that are there, also those that a call before this one left half deleted; `isNew` tells them apart. */
  async markDeleting(ids: readonly string[], organizationId: string | null): Promise<readonly (Doomed & { readonly isNew: boolean })[]> {
    const rows = await this.#run<DoomedRow & { readonly is_new: boolean }>('markDeleting', [ids, organizationId]);
    return rows.map((row) => ({ ...toDoomed(row), isNew: row.is_new }));
  }

  /** Available ones whose life is over; answers how many. */
  markExpired(now: Date): Promise<number> {
    return this.#count('markExpired', [now]);
  }

  /** Those whose upload had to end before a moment. */
  async unfinished(before: Date, limit: number): Promise<readonly StoredArtifact[]> {
    return (await this.#run<ArtifactRow>('unfinished', [before, limit])).map(toArtifact);
  }

  async deleting(afterId: string, limit: number): Promise<readonly Doomed[]> {
    return (await this.#run<DoomedRow>('deleting', [afterId, limit])).map(toDoomed);
  }

  /** Available ones that were created before a moment. */
  async available(before: Date, afterId: string, limit: number): Promise<readonly StoredArtifact[]> {
    return (await this.#run<ArtifactRow>('available', [before, afterId, limit])).map(toArtifact);
  }

  /** Takes the rows away whose bytes are gone, and frees what they took of their quota. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#run('remove', [ids]);
  }

  /** Those of the keys that a row has. */
  async knownKeys(keys: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#run<{ readonly object_key: string }>('knownKeys', [keys]);
    return new Set(rows.map((row) => row.object_key));
  }

  async #run<Row extends object>(name: keyof typeof statements, values: readonly unknown[]): Promise<readonly Row[]> {
    return (await this.#database.query<Row>(scope, statementOf(name), values)).rows;
  }

  async #count(name: keyof typeof statements, values: readonly unknown[]): Promise<number> {
    return (await this.#database.query(scope, statementOf(name), values)).rowCount;
  }
}

interface DoomedRow {
  readonly id: string;
  readonly object_key: string;
  readonly multipart_upload_id: string | null;
}

interface ArtifactRow extends DoomedRow {
  readonly organization_id: string;
  readonly scan_id: string | null;
  readonly type: ArtifactType;
  readonly filename: string;
  readonly content_type: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly status: ArtifactStatus;
  readonly created_at: Date;
  readonly expires_at: Date;
}

function statementOf(name: keyof typeof statements): Statement {
  return { name, text: statements[name] };
}

/** Only the conditions that there are, so that each combination has a plan by its own index. */
function whereOf({ scanId, organizationId, type }: ArtifactFilter) {
  const given = Object.entries({ scan_id: scanId, organization_id: organizationId, type }).filter(([, value]) => value !== null);
  const conditions = ["status <> 'deleting'", ...given.map(([column], index) => `${column} = $${index + 1}`)].join(' AND ');
  return { conditions, values: given.map(([, value]) => value), name: given.map(([column]) => column).join('-') };
}

function toDoomed(row: DoomedRow): Doomed {
  return { id: row.id, objectKey: row.object_key, uploadId: row.multipart_upload_id };
}

function toArtifact(row: ArtifactRow): StoredArtifact {
  return {
    id: row.id,
    scanId: row.scan_id ?? '',
    organizationId: row.organization_id,
    type: row.type,
    filename: row.filename,
    sizeBytes: row.size_bytes,
    contentType: row.content_type,
    storagePath: row.object_key,
    status: row.status,
    sha256: row.sha256,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    uploadId: row.multipart_upload_id,
  };
}
