import { DomainError, failedPrecondition, isTerminal } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { PresignedDownload } from '../ports/storage-client.ts';
import { attestationFilename } from './attest-scan.ts';
import { newestOf } from './get-download-url.ts';
import { findScan } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface Attestation {
  readonly artifactId: string;
  readonly download: PresignedDownload;
  /** PEM. */
  readonly publicKeys: readonly string[];
}

/**
 * A fresh presigned URL of a scan's attestation, and the keys that this deployment signs or has signed with.
 *
 * @throws invalid_argument, not_found, failed_precondition while it may still come
 */
export async function getAttestation(ports: UseCasePorts, caller: Caller, request: { readonly scanId: string }): Promise<Attestation> {
  const scanId = readRequest((reader) => reader.id('scan_id', request.scanId));
  const scan = await findScan(ports, caller, scanId);
  const found = await newestOf(ports, caller, scanId, { type: 'report', filename: attestationFilename });
  if (found !== null) return { ...found, publicKeys: ports.policy.attestationKeys };
  if (isTerminal(scan.status)) {
    throw new DomainError(
      'not_found',
      `scan ${scanId} has no attestation; one is made shortly after a scan has completed, but not of imported results, nor without a key`,
    );
  }
  throw failedPrecondition(`scan ${scanId} is ${scan.status} and has no attestation yet`);
}
