import type { Artifact } from '@cloudscan/domain';
import { notFound } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { PresignedDownload } from '../ports/storage-client.ts';
import type { Caller, UseCasePorts } from './ports.ts';

/**
 * An artifact with a fresh presigned URL; without one until it was uploaded.
 *
 * @throws invalid_argument, not_found
 */
export async function getArtifact(
  ports: UseCasePorts,
  caller: Caller,
  request: { readonly id: string },
): Promise<{ readonly artifact: Artifact; readonly download: PresignedDownload | null }> {
  const id = readRequest((reader) => reader.id('id', request.id));
  const found = await ports.storage.getArtifact(caller.scope, id);
  if (found === null) throw notFound('artifact', id);
  return found;
}
