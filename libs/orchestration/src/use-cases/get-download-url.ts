import { artifactTypes, DomainError, failedPrecondition, isTerminal } from '@cloudscan/domain';
import type { ArtifactType, Scan } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { Given } from '../input/request-reader.ts';
import type { ListArtifactsQuery, PresignedDownload } from '../ports/storage-client.ts';
import { findScan } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';
import { findSource } from './source-upload.ts';

export interface GetDownloadUrlRequest {
  readonly scanId: string;
  /** The results when not said. */
  readonly type: Given<ArtifactType>;
}

export interface Download {
  readonly artifactId: string;
  readonly download: PresignedDownload;
}

/** Artifacts of one type that are looked through for the newest that was uploaded. */
const lookback = 20;

/**
 * A fresh presigned URL for a scan's artifact: its source, the results of the run that was accepted, or the newest report or
 * log that was uploaded.
 *
 * @throws invalid_argument, not_found, failed_precondition while it may still come
 */
export async function getDownloadUrl(ports: UseCasePorts, caller: Caller, request: GetDownloadUrlRequest): Promise<Download> {
  const wanted = readRequest((reader) => ({
    scanId: reader.id('scan_id', request.scanId),
    type: reader.optionalMember('type', request.type, artifactTypes) ?? 'scan_results',
  }));
  const scan = await findScan(ports, caller, wanted.scanId);
  const found = await findDownload(ports, caller, scan, wanted.type);
  if (found !== null) return found;
  if (isTerminal(scan.status)) throw new DomainError('not_found', `scan ${scan.id} has no ${nameOf(wanted.type)}`);
  throw failedPrecondition(`scan ${scan.id} is ${scan.status} and has no ${nameOf(wanted.type)} yet`);
}

async function findDownload(ports: UseCasePorts, caller: Caller, scan: Scan, type: ArtifactType): Promise<Download | null> {
  switch (type) {
    case 'source_code': {
      const source = await findSource(ports.storage, caller.scope, scan);
      return source === null ? null : downloadOf(ports, caller, source.artifact.id);
    }
    case 'scan_results':
      return scan.resultsArtifactId === null ? null : downloadOf(ports, caller, scan.resultsArtifactId);
    case 'report':
    case 'log':
      return newestOf(ports, caller, scan.id, { type });
  }
}

/** The newest artifact of a type, and of a name where one is given, that was uploaded. */
export async function newestOf(
  ports: UseCasePorts,
  caller: Caller,
  scanId: string,
  { type, filename }: Pick<ListArtifactsQuery, 'type'> & { readonly filename?: string },
): Promise<Download | null> {
  const { artifacts } = await ports.storage.listArtifacts(caller.scope, { scanId, type, pageSize: lookback, pageToken: null });
  for (const { id } of artifacts.filter((artifact) => filename === undefined || artifact.filename === filename)) {
    const found = await downloadOf(ports, caller, id);
    if (found !== null) return found;
  }
  return null;
}

async function downloadOf({ storage }: UseCasePorts, { scope }: Caller, artifactId: string): Promise<Download | null> {
  const found = await storage.getArtifact(scope, artifactId);
  return found === null || found.download === null ? null : { artifactId, download: found.download };
}

function nameOf(type: ArtifactType): string {
  return type.replace('_', ' ');
}
