export const artifactTypes = ['source_code', 'scan_results', 'report', 'log'] as const;
export type ArtifactType = (typeof artifactTypes)[number];

export const artifactStatuses = ['created', 'available', 'deleting'] as const;
/** `created`: the upload has not been seen. `available`: the object was seen with its size and hash. */
export type ArtifactStatus = (typeof artifactStatuses)[number];

export interface Artifact {
  readonly id: string;
  readonly scanId: string;
  readonly organizationId: string;
  readonly type: ArtifactType;
  readonly filename: string;
  /** As declared; once available, as seen. */
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly storagePath: string;
  readonly status: ArtifactStatus;
  /** Lower-case hexadecimal SHA-256; empty when neither declared nor known. */
  readonly sha256: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}
