import { createHash } from 'node:crypto';
import type { OrganizationScope, Scope } from '@cloudscan/auth';
import { unavailable } from '@cloudscan/domain';
import type { Artifact, ArtifactType } from '@cloudscan/domain';
import type { ListArtifactsQuery, NewArtifact, PresignedDownload, PresignedUpload, StorageClient } from '@cloudscan/orchestration';
import { newId } from '@cloudscan/testing';

/** A storage service in memory, for what the real one cannot be made to do: to be away, and to be late. */
export class StorageDouble implements StorageClient {
  /** What every call waits for first. */
  gate: () => Promise<void> = async () => undefined;
  /** What was deleted, in order. */
  readonly deleted: string[] = [];
  readonly #artifacts = new Map<string, Artifact>();

  /** Every call fails as if nobody answered. */
  fail(): void {
    this.gate = async () => {
      throw unavailable('the storage service');
    };
  }

  recover(): void {
    this.gate = async () => undefined;
  }

  countOf(organizationId: string): number {
    return [...this.#artifacts.values()].filter((artifact) => artifact.organizationId === organizationId).length;
  }

  has(id: string): boolean {
    return this.#artifacts.has(id);
  }

  /** What a PUT to the presigned URL does: refused unless it is what was declared. */
  upload(id: string, bytes: string): void {
    const artifact = this.#artifacts.get(id);
    if (artifact === undefined) throw new Error(`there is no artifact ${id}`);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const sizeBytes = Buffer.byteLength(bytes);
    if (artifact.sizeBytes !== 0 && artifact.sizeBytes !== sizeBytes) throw new Error('the upload has another size');
    if (artifact.sha256 !== '' && artifact.sha256 !== sha256) throw new Error('the upload has another hash');
    this.#artifacts.set(id, { ...artifact, status: 'available', sizeBytes, sha256 });
  }

  async createArtifact(scope: OrganizationScope, request: NewArtifact): Promise<{ artifact: Artifact; upload: PresignedUpload }> {
    await this.gate();
    const createdAt = new Date();
    const id = newId(createdAt);
    const artifact: Artifact = {
      ...request,
      id,
      organizationId: scope.organizationId,
      storagePath: `${request.type}/${id}`,
      status: 'created',
      createdAt,
      expiresAt: new Date(createdAt.getTime() + 24 * 3_600_000),
    };
    this.#artifacts.set(id, artifact);
    return { artifact, upload: uploadOf(artifact) };
  }

  async getArtifact(
    scope: Scope,
    id: string,
  ): Promise<{ artifact: Artifact; download: PresignedDownload | null; upload: PresignedUpload | null } | null> {
    await this.gate();
    const artifact = this.#artifacts.get(id);
    if (artifact === undefined || !isOf(scope, artifact)) return null;
    if (artifact.status !== 'available') return { artifact, download: null, upload: uploadOf(artifact) };
    return { artifact, download: { url: `https://storage.invalid/${id}?get`, expiresAt: artifact.expiresAt }, upload: null };
  }

  async listArtifacts(scope: OrganizationScope, { scanId, type, pageSize }: ListArtifactsQuery) {
    await this.gate();
    const found = [...this.#artifacts.values()].filter(
      (artifact) => isOf(scope, artifact) && artifact.scanId === scanId && (type === null || artifact.type === type),
    );
    return { artifacts: found.toReversed().slice(0, pageSize), nextPageToken: null, totalCount: found.length };
  }

  async deleteArtifacts(scope: Scope, ids: readonly string[]): Promise<number> {
    await this.gate();
    const mine = ids.filter((id) => this.#artifacts.has(id) && isOf(scope, this.#artifacts.get(id)!));
    for (const id of mine) this.#artifacts.delete(id);
    this.deleted.push(...mine);
    return mine.length;
  }

  async ping(): Promise<void> {
    await this.gate();
  }

  async close(): Promise<void> {
    // It holds nothing.
  }

  /** An artifact that is there, as if it had been announced and uploaded. */
  put(organizationId: string, type: ArtifactType, overrides: Partial<Artifact> = {}): Artifact {
    const createdAt = new Date();
    const id = newId(createdAt);
    const artifact: Artifact = {
      id,
      scanId: newId(createdAt),
      organizationId,
      type,
      filename: 'file',
      sizeBytes: 3,
      contentType: 'application/gzip',
      storagePath: `${type}/${id}`,
      status: 'available',
      sha256: '',
      createdAt,
      expiresAt: new Date(createdAt.getTime() + 3_600_000),
      ...overrides,
    };
    this.#artifacts.set(id, artifact);
    return artifact;
  }
}

function uploadOf({ id, expiresAt, contentType }: Artifact): PresignedUpload {
  return { url: `https://storage.invalid/${id}?put=${Math.random()}`, headers: { 'content-type': contentType }, expiresAt };
}

function isOf(scope: Scope, artifact: Artifact): boolean {
  return scope.kind === 'system' || scope.organizationId === artifact.organizationId;
}
