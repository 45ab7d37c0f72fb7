import type { OrganizationScope, Scope } from '@cloudscan/auth';
import type { Artifact, ArtifactType } from '@cloudscan/domain';

/**
 * The storage service. Each method throws `unavailable` or `deadline_exceeded` when the service cannot be reached in time,
 * after its own retries. An artifact of another organization than the scope's is as if it were not there.
 */
export interface StorageClient {
  createArtifact(
    scope: OrganizationScope,
    request: NewArtifact,
  ): Promise<{ readonly artifact: Artifact; readonly upload: PresignedUpload }>;
  /** Null when there is none. `download` is null until the upload was seen, `upload` once it was. */
  getArtifact(
    scope: Scope,
    id: string,
  ): Promise<{ readonly artifact: Artifact; readonly download: PresignedDownload | null; readonly upload: PresignedUpload | null } | null>;
  /** Newest first. */
  listArtifacts(
    scope: OrganizationScope,
    query: ListArtifactsQuery,
  ): Promise<{ readonly artifacts: readonly Artifact[]; readonly nextPageToken: string | null; readonly totalCount: number }>;
  /** Any number; idempotent; answers how many were there. */
  deleteArtifacts(scope: Scope, ids: readonly string[]): Promise<number>;
  /** Throws when the service does not answer that it serves. */
  ping(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface NewArtifact {
  readonly scanId: string;
  readonly type: ArtifactType;
  readonly filename: string;
  readonly contentType: string;
  /** Exact bytes; 0 when not known. */
  readonly sizeBytes: number;
  /** Lower-case hexadecimal; empty when not known. */
  readonly sha256: string;
}

export interface PresignedUpload {
  /** A secret until it expires: never logged. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: Date;
}

export interface PresignedDownload {
  /** A secret until it expires: never logged. */
  readonly url: string;
  readonly expiresAt: Date;
}

/**
 * PUTs a few bytes that this process made itself; files of clients go to the store without it.
 *
 * @throws unavailable when the object store cannot be reached, internal when it refuses the upload
 */
export type ArtifactUpload = (upload: PresignedUpload, bytes: Uint8Array, signal: AbortSignal) => Promise<void>;

export interface ListArtifactsQuery {
  readonly scanId: string;
  readonly type: ArtifactType | null;
  readonly pageSize: number;
  readonly pageToken: string | null;
}
