import type { storage } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import type { Artifact, ArtifactStatus } from '@cloudscan/domain';
import { artifactStatusOnWire, artifactTypeOnWire } from '@cloudscan/grpc';

/**
 * @param isDownloadable what a service that knows no status says by giving out a download URL
 * @throws DomainError `internal` for what no version of the contract has
 */
export function artifactFromWire(message: storage.Artifact | undefined, isDownloadable: boolean): Artifact {
  const type = message === undefined ? null : artifactTypeOnWire.fromWire(message.type);
  if (message?.createdAt === undefined || type === null || type === undefined) {
    throw new DomainError('internal', 'the storage service answered with an artifact that has no type or creation time');
  }
  return {
    id: message.id,
    scanId: message.scanId,
    organizationId: message.organizationId,
    type,
    filename: message.filename,
    sizeBytes: Number(message.sizeBytes),
    contentType: message.contentType,
    storagePath: message.storagePath,
    status: statusFromWire(message.status, isDownloadable),
    sha256: message.sha256,
    createdAt: message.createdAt,
    expiresAt: message.expiresAt ?? message.createdAt,
  };
}

function statusFromWire(status: storage.ArtifactStatus, isDownloadable: boolean): ArtifactStatus {
  return artifactStatusOnWire.fromWire(status) ?? (isDownloadable ? 'available' : 'created');
}
