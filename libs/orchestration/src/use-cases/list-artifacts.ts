import type { Artifact } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { GivenPage } from '../input/request-reader.ts';
import { findScan } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface ListArtifactsRequest extends GivenPage {
  readonly scanId: string;
}

export interface ArtifactPage {
  readonly artifacts: readonly Artifact[];
  readonly nextPageToken: string | null;
  readonly totalCount: number;
}

/**
 * A scan's artifacts, newest first.
 *
 * @throws invalid_argument, not_found
 */
export async function listArtifacts(ports: UseCasePorts, caller: Caller, request: ListArtifactsRequest): Promise<ArtifactPage> {
  const query = readRequest((reader) => ({ scanId: reader.id('scan_id', request.scanId), type: null, ...reader.page(request) }));
  await findScan(ports, caller, query.scanId);
  return ports.storage.listArtifacts(caller.scope, query);
}
