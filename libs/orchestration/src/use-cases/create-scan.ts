import { failedPrecondition, invalidArgument, notFound, scanTypes } from '@cloudscan/domain';
import type { Scan, ScanSource, ScanType } from '@cloudscan/domain';
import { readGitCommit, readGitRef, readGitUrl } from '../input/git-source.ts';
import { readRequest } from '../input/request-reader.ts';
import type { Given, RequestReader } from '../input/request-reader.ts';
import type { CreateScanResult } from '../ports/scan-repository.ts';
import { findReplay, idempotencyOf, keyConflict, mayHaveCommitted, readIdempotencyKey } from './idempotency.ts';
import type { Idempotency } from './idempotency.ts';
import { publishScan, queueFull } from './outcomes.ts';
import type { Caller, ScanPolicy, UseCasePorts } from './ports.ts';
import { viewOf } from './scan-view.ts';
import type { ScanView } from './scan-view.ts';
import { archiveTypes, createSourceUpload, dropArtifact, findSource, readFilename } from './source-upload.ts';
import type { SourceDeclaration, Upload } from './source-upload.ts';

export interface CreateScanRequest {
  readonly organizationId: string;
  readonly projectId: string;
  /** Every type when empty: clients that name none want a scan, not an error. */
  readonly scanTypes: readonly Given<ScanType>[];
  readonly gitUrl: string;
  readonly gitBranch: string;
  readonly gitCommit: string;
  readonly sourceArtifactId: string;
  readonly userId: string;
  readonly sourceSizeBytes: number;
  readonly sourceSha256: string;
  readonly sourceFilename: string;
  readonly sourceContentType: string;
  readonly priority: number;
  /** Null when the client sent none. */
  readonly idempotencyKey: string | null;
}

export interface CreatedScan extends ScanView {
  /** Null when nothing is to be uploaded. */
  readonly upload: Upload | null;
}

const maxPriority = 100;

/**
 * Creates a scan. Where its source was uploaded before, or is cloned at once, it is queued; otherwise it is pending and the
 * answer says where to upload. The same idempotency key with the same request answers the same scan with a fresh upload URL.
 *
 * @throws invalid_argument, not_found for the project or the artifact, failed_precondition for an artifact that was not
 *   uploaded, already_exists for a key that another request used, resource_exhausted for a full queue
 */
export async function createScan(ports: UseCasePorts, caller: Caller, request: CreateScanRequest): Promise<CreatedScan> {
  const wanted = readRequest((reader) => readCreateScan(reader, request, ports.policy));
  const replay = await findReplay(ports, caller, wanted.idempotency);
  if (replay !== null) return answer(ports, caller, replay, wanted);
  if ((await ports.projects.findById(caller.scope, wanted.projectId)) === null) throw notFound('project', wanted.projectId);
  if (wanted.source.artifactId !== null) await expectUploaded(ports, caller, wanted.source.artifactId);

  const at = ports.clock.now();
  const id = ports.newId(at);
  const start = wanted.source.artifactId !== null || (wanted.source.gitUrl !== null && ports.policy.autoStart);
  const upload = start ? null : await createSourceUpload(ports.storage, caller.scope, id, wanted.declaration);
  // A scan that may be cloned names its upload only once that was seen: StartScan decides which of the two it is.
  const artifactId = upload !== null && wanted.source.gitUrl === null ? upload.artifactId : wanted.source.artifactId;
  try {
    caller.signal.throwIfAborted();
    const result = await ports.scans.create(caller.scope, {
      id,
      projectId: wanted.projectId,
      userId: wanted.userId,
      actor: caller.actor,
      scanTypes: wanted.scanTypes,
      source: { ...wanted.source, artifactId },
      priority: wanted.priority,
      start,
      idempotency: wanted.idempotency,
      limits: ports.policy.limits,
      at,
    });
    const scan = created(result, wanted);
    if (result.kind === 'created') {
      publishScan(ports.events, scan);
      return { ...(await viewOf(ports, caller, scan)), upload };
    }
    // A call with the same key was quicker.
    if (upload !== null) await dropArtifact(ports.storage, caller.scope, upload.artifactId);
    return await answer(ports, caller, scan, wanted);
  } catch (error) {
    if (upload !== null && !mayHaveCommitted(error)) await dropArtifact(ports.storage, caller.scope, upload.artifactId);
    throw error;
  }
}

interface WantedScan {
  readonly projectId: string;
  readonly userId: string | null;
  readonly scanTypes: readonly ScanType[];
  readonly source: ScanSource;
  readonly declaration: SourceDeclaration;
  readonly priority: number;
  readonly idempotency: Idempotency | null;
}

function readCreateScan(reader: RequestReader, request: CreateScanRequest, policy: ScanPolicy): WantedScan {
  const named = request.scanTypes.map((type, index) => reader.member(`scan_types[${index}]`, type, scanTypes));
  const contentType = request.sourceContentType || 'application/gzip';
  if (!Object.hasOwn(archiveTypes, contentType)) {
    reader.wrong('source_content_type', `must be one of ${Object.keys(archiveTypes).join(', ')}`);
  }
  reader.id('organization_id', request.organizationId);
  const wanted = {
    projectId: reader.id('project_id', request.projectId),
    userId: reader.line('user_id', request.userId, { max: 255 }) || null,
    scanTypes: named.length === 0 ? scanTypes : scanTypes.filter((type) => named.includes(type)),
    source: {
      artifactId: reader.optionalId('source_artifact_id', request.sourceArtifactId),
      gitUrl: readGitUrl(reader, 'git_url', request.gitUrl, policy.gitProtocols),
      gitBranch: readGitRef(reader, 'git_branch', request.gitBranch),
      gitCommit: readGitCommit(reader, 'git_commit', request.gitCommit),
    },
    declaration: {
      filename: readFilename(reader, 'source_filename', request.sourceFilename) || (archiveTypes[contentType] ?? ''),
      contentType,
      sizeBytes: reader.integer('source_size_bytes', request.sourceSizeBytes, { min: 0, max: policy.maxSourceBytes }),
      sha256: reader.sha256('source_sha256', request.sourceSha256),
    },
    priority: reader.integer('priority', request.priority, { min: -maxPriority, max: maxPriority }),
  };
  return { ...wanted, idempotency: idempotencyOf(readIdempotencyKey(reader, request.idempotencyKey), wanted) };
}

async function expectUploaded({ storage }: UseCasePorts, { scope }: Caller, artifactId: string): Promise<void> {
  const found = await storage.getArtifact(scope, artifactId);
  if (found === null) throw notFound('artifact', artifactId);
  if (found.artifact.type !== 'source_code') {
    throw invalidArgument('source_artifact_id', `names an artifact of type ${found.artifact.type}; give one of type source_code`);
  }
  if (found.artifact.status !== 'available') {
    throw failedPrecondition(`artifact ${artifactId} was not uploaded yet; upload it, or leave source_artifact_id out and call StartScan`);
  }
}

function created(result: CreateScanResult, { projectId, idempotency }: WantedScan): Scan {
  switch (result.kind) {
    case 'created':
    case 'replayed':
      return result.scan;
    case 'key_conflict':
      throw keyConflict(idempotency);
    case 'project_not_found':
      throw notFound('project', projectId);
    case 'queue_full':
      throw queueFull(result.limit);
  }
}

/** The answer to a repeated call: the scan as it is now, and a fresh URL while its source is still to come. */
async function answer(ports: UseCasePorts, caller: Caller, scan: Scan, { declaration }: WantedScan): Promise<CreatedScan> {
  const view = await viewOf(ports, caller, scan);
  if (scan.status !== 'pending') return { ...view, upload: null };
  const source = await findSource(ports.storage, caller.scope, scan);
  if (source !== null) {
    return { ...view, upload: source.upload === null ? null : { artifactId: source.artifact.id, upload: source.upload } };
  }
  const upload = await createSourceUpload(ports.storage, caller.scope, scan.id, declaration);
  if (scan.source.gitUrl === null) {
    await ports.scans.setSourceArtifact(caller.scope, { scanId: scan.id, artifactId: upload.artifactId, at: ports.clock.now() });
  }
  return { ...view, upload };
}
