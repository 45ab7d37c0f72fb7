import { randomBytes } from 'node:crypto';
import { failedPrecondition, notFound, uuidV7 } from '@cloudscan/domain';
import type { Artifact } from '@cloudscan/domain';
import type { ExpectedBytes, ObjectInfo, ObjectStore, PresignedPut, PresignedUrl } from '@cloudscan/object-store';
import { maxTotal } from './artifact-repository.ts';
import type { ArtifactRepository, Doomed, StoredArtifact } from './artifact-repository.ts';
import { decodePageToken, encodePageToken } from './page-token.ts';
import type { ListRequest, NewArtifactRequest } from './requests.ts';
import { fromStore } from './store-errors.ts';

export interface ArtifactsOptions {
  readonly maxUploadBytes: number;
  /** How long an artifact lives once it was uploaded, in milliseconds. */
  readonly retentionMs: number;
  readonly now: () => Date;
}

const hourMs = 3_600_000;
/** Milliseconds for reading an object of 5 GB through, in the same data centre. */
const hashLimitMs = 600_000;
const wrongHash = 'its SHA-256 is not the declared one';

/**
 * Artifacts from their announcement to their deletion. A row comes before the first byte and goes after the last one, and
 * each step can be broken off and done again.
 */
export class Artifacts {
  readonly #repository: ArtifactRepository;
  readonly #store: ObjectStore;
  readonly #options: ArtifactsOptions;
  readonly #readings = new Map<string, Promise<string | null>>();

  constructor(repository: ArtifactRepository, store: ObjectStore, options: ArtifactsOptions) {
    this.#repository = repository;
    this.#store = store;
    this.#options = options;
  }

  async create({ uploadHours, ...request }: NewArtifactRequest): Promise<{ readonly artifact: Artifact; readonly upload: PresignedPut }> {
    const createdAt = this.#options.now();
    const id = uuidV7(createdAt.getTime(), randomBytes(10));
    const expiresAt = new Date(createdAt.getTime() + uploadHours * hourMs);
    const artifact: Artifact = {
      ...request,
      id,
      storagePath: `artifacts/${request.organizationId}/${id}`,
      status: 'created',
      createdAt,
      expiresAt,
    };
    await this.#repository.insert(artifact);
    return { artifact, upload: await this.#presignPut(artifact, expiresAt) };
  }

  /** @throws DomainError `not_found`; `failed_precondition` when an upload was not what was declared, which is then removed */
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
   * @throws DomainError `failed_precondition` when it is not what was declared; it is removed, so that it can be repeated
   */
  async look(artifact: StoredArtifact): Promise<StoredArtifact | null> {
    const object = await fromStore(this.#store.head(artifact.storagePath));
    if (object === null) return null;
    const expected = this.expectedOf(artifact);
    const problem = mismatchOf(expected, object) ?? (await this.#wrongHash(expected, object));
    if (problem === null) return this.markAvailable(artifact, { ...object, sha256: object.sha256 ?? expected.sha256 });
    await fromStore(this.#store.deleteObjects([artifact.storagePath]));
    throw failedPrecondition(`the upload of artifact ${artifact.id} was removed: ${problem}; upload it again`);
  }

  async markAvailable(artifact: StoredArtifact, object: ObjectInfo): Promise<StoredArtifact> {
    const expiresAt = new Date(this.#options.now().getTime() + this.#options.retentionMs);
    const seen = { sizeBytes: object.sizeBytes, sha256: object.sha256 ?? '', expiresAt };
    return (await this.#repository.markAvailable(artifact.id, seen)) ?? this.require(artifact.id);
  }

  presignDownload(artifact: Artifact, hours: number): Promise<PresignedUrl> {
    const { storagePath: key, filename, contentType } = artifact;
    return fromStore(this.#store.presignGet({ key, filename, contentType, expiresAt: this.#inHours(hours) }));
  }

  /** A fresh URL for an upload that has not come; the artifact stays at least as long as the URL. */
  async presignUpload(artifact: Artifact, hours: number): Promise<PresignedPut> {
    return this.#presignPut(artifact, await this.keepForUpload(artifact, hours));
  }

  /** Makes a `created` artifact stay for at least so long; answers until when. */
  async keepForUpload(artifact: Artifact, hours: number): Promise<Date> {
    const until = this.#inHours(hours);
    if (artifact.expiresAt >= until) return artifact.expiresAt;
    await this.#repository.extendUpload(artifact.id, until);
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

  /** Removes the bytes of rows that are marked, then the rows. @throws DomainError `unavailable` */
  async finishDeletion(doomed: readonly Doomed[]): Promise<void> {
    if (doomed.length === 0) return;
    for (const { objectKey, uploadId } of doomed) {
      if (uploadId !== null) await fromStore(this.#store.abortMultipart(objectKey, uploadId));
    }
    await fromStore(this.#store.deleteObjects(doomed.map(({ objectKey }) => objectKey)));
    await this.#repository.remove(doomed.map(({ id }) => id));
  }

  expectedOf(artifact: Artifact): ExpectedBytes {
    return {
      sizeBytes: artifact.sizeBytes === 0 ? null : artifact.sizeBytes,
      maxBytes: this.#options.maxUploadBytes,
      sha256: artifact.sha256 === '' ? null : artifact.sha256,
    };
  }

  /** A store that noted no checksum is read; calls for the same object at the same time share one reading. */
  async #wrongHash({ sha256 }: ExpectedBytes, object: ObjectInfo): Promise<string | null> {
    if (sha256 === null || object.sha256 !== null) return null;
    const reading = this.#readings.get(object.key) ?? fromStore(this.#store.hash(object.key, AbortSignal.timeout(hashLimitMs)));
    this.#readings.set(object.key, reading);
    try {
      return (await reading) === sha256 ? null : wrongHash;
    } finally {
      this.#readings.delete(object.key);
    }
  }

  #presignPut(artifact: Artifact, expiresAt: Date): Promise<PresignedPut> {
    const { storagePath: key, contentType } = artifact;
    return fromStore(this.#store.presignPut({ key, contentType, expected: this.expectedOf(artifact), expiresAt }));
  }

  #inHours(hours: number): Date {
    return new Date(this.#options.now().getTime() + hours * hourMs);
  }
}

/** What is wrong with an upload; null when nothing is. A checksum that the store did not note is looked at apart. */
function mismatchOf({ sizeBytes, maxBytes, sha256 }: ExpectedBytes, object: ObjectInfo): string | null {
  if (sizeBytes !== null && object.sizeBytes !== sizeBytes) return `it has ${object.sizeBytes} bytes and ${sizeBytes} were declared`;
  if (object.sizeBytes > maxBytes) return `it has ${object.sizeBytes} bytes and at most ${maxBytes} are allowed`;
  if (sha256 !== null && object.sha256 !== null && object.sha256 !== sha256) return wrongHash;
  return null;
}
