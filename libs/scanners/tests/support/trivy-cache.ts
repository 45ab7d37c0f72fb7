import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { boltFile } from './bolt-file.ts';
import type { Bucket } from './bolt-file.ts';

/** A vulnerability as Trivy's database holds it, and the one package that it touches. */
export interface StoredVulnerability {
  readonly id: string;
  /** The name of a bucket begins with the ecosystem, for example `npm`. */
  readonly ecosystem: string;
  readonly source: { readonly ID: string; readonly Name: string; readonly URL: string };
  readonly packageName: string;
  readonly advisory: { readonly VulnerableVersions: readonly string[]; readonly PatchedVersions: readonly string[] };
  readonly details: Readonly<Record<string, unknown>>;
}

/** When the database that {@link writeTrivyCache} writes was made. */
export const databaseDate = '2026-11-01T06:00:00Z';

/** Writes a cache folder with a small vulnerability database (schema 2), as `trivy --download-db-only` leaves one. */
export async function writeTrivyCache(folder: string, vulnerabilities: readonly StoredVulnerability[]): Promise<void> {
  const root: Record<string, Record<string, Bucket | string>> = { 'data-source': {}, vulnerability: {} };
  for (const { id, ecosystem, source, packageName, advisory, details } of vulnerabilities) {
    const bucket = `${ecosystem}::${source.Name}`;
    root['data-source']![bucket] = JSON.stringify(source);
    root['vulnerability']![id] = JSON.stringify(details);
    const packages = (root[bucket] ??= {});
    packages[packageName] = { ...(packages[packageName] as Bucket | undefined), [id]: JSON.stringify(advisory) };
  }
  await mkdir(join(folder, 'db'), { recursive: true });
  await writeFile(join(folder, 'db', 'trivy.db'), boltFile(root));
  const metadata = { Version: 2, UpdatedAt: databaseDate, NextUpdate: '2026-11-02T06:00:00Z', DownloadedAt: databaseDate };
  await writeFile(join(folder, 'db', 'metadata.json'), JSON.stringify(metadata));
}
