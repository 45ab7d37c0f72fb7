import { createHash } from 'node:crypto';
import { invalidArgument, isUuid } from '@cloudscan/domain';
import type { ArtifactFilter } from './artifact-repository.ts';

const digestBytes = 12;

/**
 * Where the next page begins: the last id of this one, tied to the query by a digest. The digest guards against mix-ups; a
 * forged token reaches no more than another place in the caller's own query.
 */
export function encodePageToken(filter: ArtifactFilter, lastId: string): string {
  return Buffer.concat([digestOf(filter, lastId), Buffer.from(lastId)]).toString('base64url');
}

/**
 * Null for the first page.
 *
 * @throws DomainError `invalid_argument` when the token was altered or belongs to another query
 */
export function decodePageToken(filter: ArtifactFilter, token: string): string | null {
  if (token === '') return null;
  const bytes = Buffer.from(token, 'base64url');
  const lastId = bytes.subarray(digestBytes).toString();
  if (bytes.toString('base64url') !== token || !isUuid(lastId) || !bytes.subarray(0, digestBytes).equals(digestOf(filter, lastId))) {
    throw invalidArgument('page_token', 'is not from a previous page of this query; begin again without one');
  }
  return lastId;
}

function digestOf({ scanId, organizationId, type }: ArtifactFilter, lastId: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([scanId, organizationId, type, lastId]))
    .digest()
    .subarray(0, digestBytes);
}
