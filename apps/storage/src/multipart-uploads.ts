import { DomainError, failedPrecondition } from '@cloudscan/domain';
import { ObjectStoreError } from '@cloudscan/object-store';
import type { CompletedPart, ObjectInfo, ObjectStore, PresignedUrl } from '@cloudscan/object-store';
import type { ArtifactRepository, StoredArtifact } from './artifact-repository.ts';
import type { Artifacts } from './artifacts.ts';
import { fromStore } from './store-errors.ts';

/** Uploads in parts: one at a time per artifact. */
export class MultipartUploads {
  readonly #artifacts: Artifacts;
  readonly #repository: ArtifactRepository;
  readonly #store: ObjectStore;
  readonly #urlMs: number;

  /** @param urlMs life of the URLs; a client that is slower asks for those of parts again */
  constructor(artifacts: Artifacts, repository: ArtifactRepository, store: ObjectStore, urlMs: number) {
    this.#artifacts = artifacts;
    this.#repository = repository;
    this.#store = store;
    this.#urlMs = urlMs;
  }

  /** Answers the upload's id; the same one until it is over. */
  async initiate(artifactId: string): Promise<string> {
    const artifact = await this.#artifacts.get(artifactId);
    if (artifact.status !== 'created') throw failedPrecondition(`artifact ${artifactId} was uploaded already; create another one`);
    if (artifact.uploadId !== null) return artifact.uploadId;
    const uploadId = await fromStore(this.#store.initiateMultipart(artifact.storagePath));
    if (await this.#repository.beginMultipart(artifactId, uploadId)) return uploadId;
    // Another call was faster.
    await fromStore(this.#store.abortMultipart(artifact.storagePath, uploadId));
    return this.initiate(artifactId);
  }

  /** Presigned URLs for a run of parts. @throws DomainError `not_found`, `failed_precondition` */
  async presignParts(
    artifactId: string,
    uploadId: string,
    fromPart: number,
    count: number,
  ): Promise<readonly (PresignedUrl & { readonly partNumber: number })[]> {
    const artifact = await this.#requireUpload(artifactId, uploadId);
    if (artifact.status !== 'created') throw completed(artifactId);
    const expiresAt = await this.#artifacts.keepForUpload(artifact, this.#urlMs);
    const { maxBytes } = await this.#artifacts.expectedOf(artifact);
    const parts = [];
    for (let partNumber = fromPart; partNumber < fromPart + count; partNumber += 1) {
      const request = { key: artifact.storagePath, uploadId, partNumber, maxBytes, expiresAt };
      parts.push({ partNumber, ...(await fromStore(this.#store.presignPart(request))) });
    }
    return parts;
  }

  /**
   * Idempotent. Answers where the artifact can be downloaded.
   *
   * @throws DomainError `failed_precondition` or `resource_exhausted` for bytes that are not taken: those of a wrong SHA-256, or
   *   above the quota, are removed, and another upload can be initiated
   */
  async complete(artifactId: string, uploadId: string, parts: readonly CompletedPart[]): Promise<PresignedUrl> {
    const artifact = await this.#requireUpload(artifactId, uploadId);
    if (artifact.status === 'created') {
      const object = await fromStore(this.#assemble(artifact, uploadId, parts));
      await this.#artifacts.markAvailable(artifact, object).catch(async (error: unknown) => {
        if (error instanceof DomainError && error.code === 'resource_exhausted') await this.#end(artifact, uploadId);
        throw error;
      });
    }
    return this.#artifacts.presignDownload(artifact, this.#urlMs);
  }

  /** Idempotent. */
  async abort(artifactId: string, uploadId: string): Promise<void> {
    const artifact = await this.#artifacts.require(artifactId);
    if (artifact.uploadId !== uploadId) return;
    if (artifact.status !== 'created') throw completed(artifactId);
    await fromStore(this.#end(artifact, uploadId));
  }

  /** Whether an upload outlives bytes of a wrong SHA-256, and how long the store keeps it, differs from store to store: it ends here. */
  async #assemble(artifact: StoredArtifact, uploadId: string, parts: readonly CompletedPart[]): Promise<ObjectInfo> {
    const expected = await this.#artifacts.expectedOf(artifact);
    try {
      return await this.#store.completeMultipart(artifact.storagePath, uploadId, parts, expected);
    } catch (error) {
      const isOver = error instanceof ObjectStoreError && (error.code === 'checksum_mismatch' || error.code === 'upload_not_found');
      if (isOver) await this.#end(artifact, uploadId);
      throw error;
    }
  }

  async #end({ id, storagePath }: StoredArtifact, uploadId: string): Promise<void> {
    await this.#store.abortMultipart(storagePath, uploadId);
    await this.#repository.endMultipart(id, uploadId);
  }

  async #requireUpload(artifactId: string, uploadId: string): Promise<StoredArtifact> {
    const artifact = await this.#artifacts.require(artifactId);
    if (artifact.uploadId === uploadId) return artifact;
    throw new DomainError(
      'not_found',
      `artifact ${artifactId} has no such multipart upload; it is over or was never begun, so initiate another`,
    );
  }
}

function completed(artifactId: string): DomainError {
  return failedPrecondition(`the upload of artifact ${artifactId} was completed; create another artifact for other bytes`);
}
