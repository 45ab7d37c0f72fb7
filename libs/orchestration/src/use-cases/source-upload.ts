import type { OrganizationScope } from '@cloudscan/auth';
import type { Artifact, Scan } from '@cloudscan/domain';
import type { PresignedUpload, StorageClient } from '../ports/storage-client.ts';
import type { RequestReader } from '../input/request-reader.ts';

/** What a client is about to upload, as it declares it. */
export interface SourceDeclaration {
  readonly filename: string;
  readonly contentType: string;
  /** Exact bytes; 0 when not known. */
  readonly sizeBytes: number;
  /** Lower-case hexadecimal; empty when not known. */
  readonly sha256: string;
}

/** An upload that a client may make now. */
export interface Upload {
  readonly artifactId: string;
  readonly upload: PresignedUpload;
}

export const archiveTypes: Readonly<Record<string, string>> = { 'application/gzip': 'source.tar.gz', 'application/zip': 'source.zip' };

/** A file's bare name: no path, no control characters; empty means the default. */
export function readFilename(reader: RequestReader, field: string, text: string): string {
  reader.line(field, text, { max: 255 });
  if (/[/\\]/.test(text) || text === '.' || text === '..') reader.wrong(field, 'is a path; give the bare name of a file');
  return text;
}

/** Announces a scan's source to the storage service. */
export async function createSourceUpload(
  storage: StorageClient,
  scope: OrganizationScope,
  scanId: string,
  source: SourceDeclaration,
): Promise<Upload> {
  const { artifact, upload } = await storage.createArtifact(scope, { scanId, type: 'source_code', ...source });
  return { artifactId: artifact.id, upload };
}

/**
 * The source artifact of a scan and how it may still be uploaded; null when the storage service has none. A scan that may be
 * cloned does not name its artifact before it was uploaded, so there the newest one is taken.
 */
export async function findSource(
  storage: StorageClient,
  scope: OrganizationScope,
  scan: Scan,
): Promise<{ readonly artifact: Artifact; readonly upload: PresignedUpload | null } | null> {
  const id = scan.source.artifactId ?? (await newestSourceId(storage, scope, scan.id));
  return id === null ? null : storage.getArtifact(scope, id);
}

async function newestSourceId(storage: StorageClient, scope: OrganizationScope, scanId: string): Promise<string | null> {
  const { artifacts } = await storage.listArtifacts(scope, { scanId, type: 'source_code', pageSize: 1, pageToken: null });
  return artifacts[0]?.id ?? null;
}

/**
 * Deletes an artifact that no scan came to own. Best effort: one that stays is collected when it expires, so a failure here
 * must not hide the answer that matters.
 */
export async function dropArtifact(storage: StorageClient, scope: OrganizationScope, artifactId: string): Promise<void> {
  await storage.deleteArtifacts(scope, [artifactId]).catch(() => undefined);
}
