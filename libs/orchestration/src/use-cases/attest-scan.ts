import { createHash } from 'node:crypto';
import { scopeOf } from '@cloudscan/auth';
import type { OrganizationScope, SystemScope } from '@cloudscan/auth';
import { unavailable } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import { envelopeMediaType, scanStatement, sealEnvelope, statementPayloadType } from '@cloudscan/provenance';
import type { SigningKey } from '@cloudscan/provenance';
import type { AttestMessage } from '../ports/scan-queue.ts';
import type { ScanRepository } from '../ports/scan-repository.ts';
import type { ArtifactUpload, NewArtifact, PresignedUpload, StorageClient } from '../ports/storage-client.ts';

/** What makes attestations needs of the world. */
export interface AttestationPorts {
  readonly scope: SystemScope;
  readonly scans: Pick<ScanRepository, 'findById'>;
  readonly storage: StorageClient;
  readonly upload: ArtifactUpload;
  readonly key: SigningKey;
  /** Of this software. */
  readonly version: string;
}

export type AttestOutcome =
  | { readonly kind: 'attested'; readonly artifactId: string }
  /** An earlier try did it. */
  | { readonly kind: 'present'; readonly artifactId: string }
  /** The scan was deleted, and nothing of it is left. */
  | { readonly kind: 'gone' }
  /** The hash of the results is not known, or the results are gone. */
  | { readonly kind: 'unattestable' };

/** The artifact of type `report` that holds a scan's attestation. */
export const attestationFilename = 'attestation.dsse.json';
/** More reports than a scan has. */
const reports = 100;

/**
 * Signs what a completed scan says of its source, tools and results, and stores it with the scan. Idempotent: the same scan
 * and key make the same bytes, which are stored once.
 *
 * @throws unavailable when storage or the object store cannot be reached: the queue tries again
 */
export async function attestScan(ports: AttestationPorts, message: AttestMessage, signal: AbortSignal): Promise<AttestOutcome> {
  const { scope: system, scans, storage } = ports;
  const { organizationId, scanId } = message;
  const scope = scopeOf({ organizationId, actor: 'sweeper' });
  const scan = await scans.findById(system, scanId);
  if (scan === null) return { kind: 'gone' };
  const envelope = await envelopeOf(ports, scope, scan);
  if (envelope === null) return { kind: 'unattestable' };
  const outcome = await store(ports, scope, scanId, envelope, signal);
  // Who deletes a scan asks for its artifacts to be deleted: of one that came after that, nobody else would know.
  if ((await scans.findById(system, scanId)) !== null) return outcome;
  await storage.deleteArtifacts(scope, [outcome.artifactId]);
  return { kind: 'gone' };
}

async function envelopeOf({ storage, key, version }: AttestationPorts, scope: OrganizationScope, scan: Scan): Promise<Buffer | null> {
  const [results, source] = await Promise.all(
    [scan.resultsArtifactId, scan.source.artifactId].map((id) => (id === null ? null : storage.getArtifact(scope, id))),
  );
  if (!results) return null;
  const { filename: name, sha256 } = results.artifact;
  const sourceName = source?.artifact.filename ?? null;
  const statement = scanStatement({ scan, results: { name, sha256 }, sourceName, orchestratorVersion: version });
  return statement === null ? null : sealEnvelope(statementPayloadType, statement, key);
}

async function store(
  ports: AttestationPorts,
  scope: OrganizationScope,
  scanId: string,
  envelope: Buffer,
  signal: AbortSignal,
): Promise<AttestOutcome & { readonly artifactId: string }> {
  const { storage, upload } = ports;
  const sha256 = createHash('sha256').update(envelope).digest('hex');
  const file: NewArtifact = {
    ...{ scanId, type: 'report', filename: attestationFilename, contentType: envelopeMediaType },
    ...{ sizeBytes: envelope.length, sha256 },
  };
  const begun = await findBegun(storage, scope, file);
  if (begun !== null && begun.upload === null) return { kind: 'present', artifactId: begun.artifactId };
  const target = begun?.upload ? { artifactId: begun.artifactId, upload: begun.upload } : await announce(storage, scope, file);
  await upload(target.upload, envelope, signal);
  // The look makes it available, and shows that it is what was declared.
  const stored = await storage.getArtifact(scope, target.artifactId);
  if (!stored?.download) throw unavailable('the object store');
  return { kind: 'attested', artifactId: target.artifactId };
}

/** The artifact that an earlier try announced for the same bytes; `upload` is null where it was uploaded too. */
async function findBegun(
  storage: StorageClient,
  scope: OrganizationScope,
  { scanId, type, filename, sha256 }: NewArtifact,
): Promise<{ readonly artifactId: string; readonly upload: PresignedUpload | null } | null> {
  const { artifacts } = await storage.listArtifacts(scope, { scanId, type, pageSize: reports, pageToken: null });
  for (const { id: artifactId } of artifacts.filter((artifact) => artifact.filename === filename && artifact.sha256 === sha256)) {
    const found = await storage.getArtifact(scope, artifactId);
    if (found?.download) return { artifactId, upload: null };
    if (found?.upload) return { artifactId, upload: found.upload };
  }
  return null;
}

async function announce(storage: StorageClient, scope: OrganizationScope, file: NewArtifact) {
  const { artifact, upload } = await storage.createArtifact(scope, file);
  return { artifactId: artifact.id, upload };
}
