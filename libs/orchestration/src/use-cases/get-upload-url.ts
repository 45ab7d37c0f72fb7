import { artifactTypes, failedPrecondition } from '@cloudscan/domain';
import type { ArtifactType } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { Given, RequestReader } from '../input/request-reader.ts';
import { readAttempt } from '../input/runner-identity.ts';
import { expectActiveAttempt, findScan, refusal } from './outcomes.ts';
import type { Caller, ScanPolicy, UseCasePorts } from './ports.ts';
import { archiveTypes, dropArtifact, readFilename } from './source-upload.ts';
import type { SourceDeclaration, Upload } from './source-upload.ts';

export interface GetUploadUrlRequest {
  readonly scanId: string;
  readonly type: Given<ArtifactType>;
  readonly filename: string;
  readonly contentType: string;
  /** Exact; 0 when not known. */
  readonly sizeBytes: number;
  readonly sha256: string;
  /** The attempt that uploads; 0 for the current one. */
  readonly attempt: number;
}

const mediaType = { pattern: /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?[\w-]+=[\w.-]+)*$/, description: 'a media type such as application/json' };

/**
 * A fresh presigned URL: for the source of a pending scan, which then starts with that one, or for what an attempt that has
 * not ended produces.
 *
 * @throws invalid_argument, not_found, failed_precondition when the scan's state or attempt has no use for it
 */
export async function getUploadUrl(ports: UseCasePorts, caller: Caller, request: GetUploadUrlRequest): Promise<Upload> {
  const wanted = readRequest((reader) => readUpload(reader, request, ports.policy));
  const { scanId, type, attempt } = wanted;
  const scan = await findScan(ports, caller, scanId);
  if (type === 'source_code') {
    if (scan.status !== 'pending') throw refusal({ scan, because: 'status' }, 'given another source');
  } else if (scan.status === 'pending') {
    throw failedPrecondition(`scan ${scanId} has not started; it produces nothing yet`);
  } else {
    expectActiveAttempt(scan, attempt, 'given results');
  }
  const { artifact, upload } = await ports.storage.createArtifact(caller.scope, { scanId, type, ...wanted.declaration });
  if (type === 'source_code') await useAsSource(ports, caller, scanId, artifact.id, scan.source.artifactId);
  return { artifactId: artifact.id, upload };
}

interface WantedUpload {
  readonly scanId: string;
  readonly type: ArtifactType;
  readonly attempt: number | null;
  readonly declaration: SourceDeclaration;
}

function readUpload(reader: RequestReader, request: GetUploadUrlRequest, policy: ScanPolicy): WantedUpload {
  const type = reader.member('type', request.type, artifactTypes);
  const contentType = request.contentType || (type === 'source_code' ? 'application/gzip' : 'application/octet-stream');
  if (type === 'source_code' && !Object.hasOwn(archiveTypes, contentType)) {
    reader.wrong('content_type', `must be one of ${Object.keys(archiveTypes).join(', ')} for a source`);
  }
  return {
    scanId: reader.id('scan_id', request.scanId),
    type,
    attempt: readAttempt(reader, request.attempt),
    declaration: {
      filename: readFilename(reader, 'filename', request.filename) || (archiveTypes[contentType] ?? type),
      contentType: reader.line('content_type', contentType, { max: 255, form: mediaType }),
      sizeBytes: reader.integer('size_bytes', request.sizeBytes, { min: 0, max: policy.maxSourceBytes }),
      sha256: reader.sha256('sha256', request.sha256),
    },
  };
}

async function useAsSource(ports: UseCasePorts, caller: Caller, scanId: string, artifactId: string, former: string | null): Promise<void> {
  const result = await ports.scans.setSourceArtifact(caller.scope, { scanId, artifactId, at: ports.clock.now() });
  if (result.kind === 'refused' || result.kind === 'not_found') await dropArtifact(ports.storage, caller.scope, artifactId);
  else if (former !== null) await dropArtifact(ports.storage, caller.scope, former);
  if (result.kind === 'refused') throw refusal(result, 'given another source');
}
