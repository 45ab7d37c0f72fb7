import { scopeOf } from '@cloudscan/auth';
import type { JobSpec, StorageClient } from '@cloudscan/orchestration';

/**
 * What a runner is told that does not ask for the URL of its source itself. A runner that is told nothing says itself that it
 * has no source.
 */
export async function sourceVariables(
  storage: Pick<StorageClient, 'getArtifact'>,
  { organizationId, source }: JobSpec,
): Promise<Readonly<Record<string, string>>> {
  if (source.artifactId === null) return {};
  const found = await storage.getArtifact(scopeOf({ organizationId, actor: 'dispatcher' }), source.artifactId);
  const download = found?.download ?? null;
  return download === null ? {} : { SOURCE_DOWNLOAD_URL: download.url };
}
