import { randomBytes } from 'node:crypto';
import { DomainError, failedPrecondition, notFound, uuidV7 } from '@cloudscan/domain';
import type { Artifact } from '@cloudscan/domain';
import type { ExpectedBytes, ObjectInfo, ObjectStore, PresignedPut, PresignedUrl } from '@cloudscan/object-store';
import { maxTotal } from './artifact-repository.ts';
import type { ArtifactRepository, Doomed, StoredArtifact } from './artifact-repository.ts';
import { decodePageToken, encodePageToken } from './page-token.ts';
import { roomIn } from './quota.ts';
import type { QuotaRepository } from './quota-repository.ts';
import type { ListRequest, NewArtifactRequest } from './requests.ts';
import { asDomainError, fromStore } from './store-errors.ts';

export interface ArtifactsOptions {
  /** How long an artifact lives once it was uploaded, in milliseconds. */
  readonly retentionMs: number;
  readonly now: () => Date;
}

/** Milliseconds for reading an object of 5 GB through, in the same data centre. */
const hashLimitMs = 600_000;
const wrongHash = 'its SHA-256 is not the declared one';

/**
 * Artifacts from their announcement to their deletion. A row comes before the first byte and goes after the last one, and
 * each step can be broken off and done again.
 */
export class Artifacts {
  readonly #repository: ArtifactRepository;
  readonly #quotas: QuotaRepository;
  readonly #store: ObjectStore;
  readonly #options: ArtifactsOptions;
  readonly #readings = new Map<string, Promise<string | null>>();

  constructor(repository: ArtifactRepository, quotas: QuotaRepository, store: ObjectStore, options: ArtifactsOptions) {
    this.#repository = repository;
    this.#quotas = quotas;
    this.#store = store;
    this.#options = options;
  }

  /** Reserves the declared bytes of the organization's quota. @throws DomainError `resource_exhausted` */
  async create({ waitMs, urlMs, ...request }: NewArtifactRequest): Promise<{ readonly artifact: Artifact; readonly upload: PresignedPut }> {
    const createdAt = this.#options.now();
    const id = uuidV7(createdAt.getTime(), randomBytes(10));
    const expiresAt = new Date(createdAt.getTime() + waitMs);
    const artifact: Artifact = {
      ...request,
      id,
      storagePath: `artifacts/${request.organizationId}/${id}`,
      status: 'created',
      createdAt,
      expiresAt,
    };
    await this.#repository.insert(artifact);
    return { artifact, upload: await this.#presignPut(artifact, new Date(createdAt.getTime() + Math.min(urlMs, waitMs))) };
  }

  /** @throws DomainError `not_found`, and as {@link look} */
  async get(id: string): Promise<StoredArtifact> {
    const artifact = await this.require(id);
    if (artifact.status !== 'created') return artifact;
    return (await this.look(artifact)) ?? artifact;
  }

  /** As it stands in the database. @throws DomainError `not_found` */
  async require(id: string): Promise<StoredArtifact> {
    const artifact = await this.#repository.find(id);
    if (artifact === null) throw notFound('artifact', id);
    return artifact;
  }

  /**
   * Looks whether the upload of a `created` artifact is there; null when it is not.
   *
   * @throws DomainError `failed_precondition` when it is not what was declared, `resource_exhausted` when one of undeclared size is
   *   above the quota; it is removed, so that it can be repeated
   */
  async look(artifact: StoredArtifact): Promise<StoredArtifact | null> {
    const object = await fromStore(this.#store.head(artifact.storagePath));
    if (object === null) return null;
    const problem = mismatchOf(artifact, object) ?? (await this.#wrongHash(artifact, object));
    if (problem === null) return this.markAvailable(artifact, { ...object, sha256: object.sha256 ?? artifact.sha256 });
    await fromStore(this.#store.deleteObjects([artifact.storagePath]));
    throw failedPrecondition(`the upload of artifact ${artifact.id} was removed: ${problem}; upload it again`);
  }

  /** @throws DomainError `resource_exhausted` when an upload of undeclared size is above the quota; its bytes are removed */
  async markAvailable(artifact: StoredArtifact, object: ObjectInfo): Promise<StoredArtifact> {
    const expiresAt = this.inMs(this.#options.retentionMs);
    const seen = { sizeBytes: object.sizeBytes, sha256: object.sha256 ?? '', expiresAt };
    try {
      return (await this.#repository.markAvailable(artifact.id, seen)) ?? (await this.require(artifact.id));
    } catch (error) {
      if (error instanceof DomainError && error.code === 'resource_exhausted') {
        await fromStore(this.#store.deleteObjects([artifact.storagePath]));
      }
      throw error;
    }
  }

  presignDownload(artifact: Artifact, lifeMs: number): Promise<PresignedUrl> {
    const { storagePath: key, filename, contentType } = artifact;
    return fromStore(this.#store.presignGet({ key, filename, contentType, expiresAt: this.inMs(lifeMs) }));
  }

  /** A fresh URL for an upload that has not come; the artifact stays at least as long as the URL. */
  async presignUpload(artifact: Artifact, lifeMs: number): Promise<PresignedPut> {
    return this.#presignPut(artifact, await this.keepForUpload(artifact, lifeMs));
  }

  /** Makes a `created` artifact outlive a URL of this life; answers when the URL ends. */
  async keepForUpload(artifact: Artifact, lifeMs: number): Promise<Date> {
    const until = this.inMs(lifeMs);
    if (artifact.expiresAt < until) await this.#repository.extendUpload(artifact.id, until);
    return until;
  }

  async list({ filter, pageSize, pageToken }: ListRequest) {
    const { items, total } = await this.#repository.list(filter, decodePageToken(filter, pageToken), pageSize + 1);
    const shown = items.slice(0, pageSize);
    const last = shown.at(-1);
    return {
      artifacts: shown,
      nextPageToken: items.length > pageSize && last !== undefined ? encodePageToken(filter, last.id) : '',
      totalCount: Math.min(total, maxTotal),
    };
  }

  /** Idempotent; answers how many were there. Where it is broken off, the next call or the collector goes on. */
  async delete(ids: readonly string[], organizationId: string | null): Promise<number> {
    const doomed = await this.#repository.markDeleting(ids, organizationId);
    await this.finishDeletion(doomed);
    return doomed.filter(({ isNew }) => isNew).length;
  }

  /**
   * Removes the bytes of rows that are marked, then the rows. Bytes that the store keeps do not keep the other rows.
   *
   * @throws DomainError `unavailable`
   */
  async finishDeletion(doomed: readonly Doomed[]): Promise<void> {
    if (doomed.length === 0) return;
    const failure = await this.#deleteBytes(doomed).then(
      () => null,
      (error: unknown) => error,
    );
    const gone = failure === null ? doomed : await this.#withoutBytes(doomed);
    await this.#repository.remove(gone.map(({ id }) => id));
    if (failure !== null) throw asDomainError(failure);
  }

  /** Where the size was not declared, the quota bounds it. @throws DomainError `resource_exhausted` when nothing is left of that */
  async expectedOf(artifact: Artifact): Promise<ExpectedBytes> {
    const { sizeBytes } = artifact;
    return {
      sizeBytes: sizeBytes === 0 ? null : sizeBytes,
      maxBytes: sizeBytes === 0 ? roomIn(await this.#quotas.find(artifact.organizationId)) : sizeBytes,
      sha256: artifact.sha256 === '' ? null : artifact.sha256,
    };
  }

  /** So many milliseconds from now. */
  inMs(lifeMs: number): Date {
    return new Date(this.#options.now().getTime() + lifeMs);
  }

  async #deleteBytes(doomed: readonly Doomed[]): Promise<void> {
    for (const { objectKey, uploadId } of doomed) if (uploadId !== null) await this.#store.abortMultipart(objectKey, uploadId);
    await this.#store.deleteObjects(doomed.map(({ objectKey }) => objectKey));
  }

  /** Those of which nothing is left in the store. */
  async #withoutBytes(doomed: readonly Doomed[]): Promise<readonly Doomed[]> {
    const gone = [];
    for (const one of doomed) {
      const isGone = await this.#deleteBytes([one]).then(
        () => true,
        () => false,
      );
      if (isGone) gone.push(one);
    }
    return gone;
  }

  /** A store that noted no checksum is read; calls for the same object at the same time share one reading. */
  async #wrongHash({ sha256 }: Artifact, object: ObjectInfo): Promise<string | null> {
    if (sha256 === '' || object.sha256 !== null) return null;
    const reading = this.#readings.get(object.key) ?? fromStore(this.#store.hash(object.key, AbortSignal.timeout(hashLimitMs)));
    this.#readings.set(object.key, reading);
    try {
      return (await reading) === sha256 ? null : wrongHash;
    } finally {
      this.#readings.delete(object.key);
    }
  }

  async #presignPut(artifact: Artifact, expiresAt: Date): Promise<PresignedPut> {
    const { storagePath: key, contentType } = artifact;
    return fromStore(this.#store.presignPut({ key, contentType, expected: await this.expectedOf(artifact), expiresAt }));
  }
}

/** What is wrong with an upload; null when nothing is. A checksum that the store did not note is looked at apart. */
function mismatchOf({ sizeBytes, sha256 }: Artifact, object: ObjectInfo): string | null {
  if (sizeBytes !== 0 && object.sizeBytes !== sizeBytes) return `it has ${object.sizeBytes} bytes and ${sizeBytes} were declared`;
  if (sha256 !== '' && object.sha256 !== null && object.sha256 !== sha256) return wrongHash;
  return null;
}
