import { DomainError, failedPrecondition } from '@cloudscan/domain';
import type { CompletedPart, ObjectStore, PresignedUrl } from '@cloudscan/object-store';
import type { ArtifactRepository, StoredArtifact } from './artifact-repository.ts';
import type { Artifacts } from './artifacts.ts';
import { fromStore } from './store-errors.ts';

/** Part URLs live at least this long; a client that is slower asks for them again. */
const partHours = 1;
const downloadHours = 1;

/** Uploads in parts: one at a time per artifact. */
export class MultipartUploads {
  readonly #artifacts: Artifacts;
  readonly #repository: ArtifactRepository;
  readonly #store: ObjectStore;
  readonly #maxUploadBytes: number;

  constructor(artifacts: Artifacts, repository: ArtifactRepository, store: ObjectStore, maxUploadBytes: number) {
    this.#artifacts = artifacts;
    this.#repository = repository;
    this.#store = store;
    this.#maxUploadBytes = maxUploadBytes;
  }

  /** Answers the upload's id; the same one until it was aborted. */
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
    const expiresAt = await this.#artifacts.keepForUpload(artifact, partHours);
    const { sizeBytes } = this.#artifacts.expectedOf(artifact);
    const parts = [];
    for (let partNumber = fromPart; partNumber < fromPart + count; partNumber += 1) {
      const request = { key: artifact.storagePath, uploadId, partNumber, maxBytes: sizeBytes ?? this.#maxUploadBytes, expiresAt };
      parts.push({ partNumber, ...(await fromStore(this.#store.presignPart(request))) });
    }
    return parts;
  }

  /** Idempotent. Answers where the artifact can be downloaded. */
  async complete(artifactId: string, uploadId: string, parts: readonly CompletedPart[]): Promise<PresignedUrl> {
    const artifact = await this.#requireUpload(artifactId, uploadId);
    if (artifact.status === 'created') {
      const expected = this.#artifacts.expectedOf(artifact);
      const object = await fromStore(this.#store.completeMultipart(artifact.storagePath, uploadId, parts, expected));
      await this.#artifacts.markAvailable(artifact, object);
    }
    return this.#artifacts.presignDownload(artifact, downloadHours);
  }

  /** Idempotent. */
  async abort(artifactId: string, uploadId: string): Promise<void> {
    const artifact = await this.#artifacts.require(artifactId);
    if (artifact.uploadId !== uploadId) return;
    if (artifact.status !== 'created') throw completed(artifactId);
    await fromStore(this.#store.abortMultipart(artifact.storagePath, uploadId));
    await this.#repository.endMultipart(artifactId, uploadId);
  }

  async #requireUpload(artifactId: string, uploadId: string): Promise<StoredArtifact> {
    const artifact = await this.#artifacts.require(artifactId);
    if (artifact.uploadId === uploadId) return artifact;
    throw new DomainError('not_found', `artifact ${artifactId} has no such multipart upload; it was aborted or never begun`);
  }
}

function completed(artifactId: string): DomainError {
  return failedPrecondition(`the upload of artifact ${artifactId} was completed; create another artifact for other bytes`);
}
