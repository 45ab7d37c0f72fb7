import { ConfigError } from '@cloudscan/config';
import { Database } from '@cloudscan/database';
import { ArtifactRepository, storageRoles } from './artifact-repository.ts';
import { Artifacts } from './artifacts.ts';
import { openBackend } from './backend.ts';
import type { StorageConfig } from './config.ts';
import { QuotaRepository } from './quota-repository.ts';
import { Reconciliation } from './reconciliation.ts';
import { formatReport, hasDifferences } from './reconciliation-report.ts';

const flags = ['--dry-run', '--read-objects', '--json'] as const;
type Flag = (typeof flags)[number];

/** Exit code where differences are left. */
const differ = 3;

/** @throws ConfigError */
export function readFlags(args: readonly string[]): ReadonlySet<Flag> {
  const unknown = args.find((arg) => !(flags as readonly string[]).includes(arg));
  if (unknown !== undefined) throw new ConfigError([`the argument is ${JSON.stringify(unknown)}; give none but ${flags.join(', ')}`]);
  return new Set(args as readonly Flag[]);
}

/** One reconciliation over the store and the database of a configuration; prints its report and answers the exit code. */
export async function reconcile(
  config: StorageConfig,
  asked: ReadonlySet<Flag>,
  signal: AbortSignal,
  print: (text: string) => void,
  now = new Date(),
): Promise<number> {
  const { store } = await openBackend(config.backend, {});
  await using database = await Database.connect(config.database, { applicationName: 'cloudscan-storage-reconcile', roles: storageRoles });
  const quotas = new QuotaRepository(database, config.quota);
  const repository = new ArtifactRepository(database, quotas);
  const artifacts = new Artifacts(repository, quotas, store, { retentionMs: config.retentionMs, now: () => now });
  const before = new Date(now.getTime() - config.collector.graceMs);
  const options = { before, isDryRun: asked.has('--dry-run'), readsObjects: asked.has('--read-objects') };
  const report = await new Reconciliation(repository, quotas, artifacts, store).run(options, signal);
  print(asked.has('--json') ? JSON.stringify(report, null, 2) : formatReport(report));
  return hasDifferences(report) ? differ : 0;
}
