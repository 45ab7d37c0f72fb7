import type { OrganizationScope, SystemScope } from '@cloudscan/auth';
import type { CacheService } from '../ports/cache-service.ts';
import type { Clock, NewId } from '../ports/clock.ts';
import type { ImportRepository } from '../ports/import-repository.ts';
import type { OrganizationRepository, ProjectRepository } from '../ports/organization-repository.ts';
import type { SarifLogs } from '../ports/sarif-logs.ts';
import type { ScanEvents } from '../ports/scan-events.ts';
import type { AdmissionLimits, ScanRepository } from '../ports/scan-repository.ts';
import type { StorageClient } from '../ports/storage-client.ts';

/** Everything that the use cases need of the world. */
export interface UseCasePorts {
  readonly scans: ScanRepository;
  readonly imports: ImportRepository;
  readonly organizations: OrganizationRepository;
  readonly projects: ProjectRepository;
  readonly storage: StorageClient;
  readonly sarif: SarifLogs;
  readonly cache: CacheService;
  readonly events: ScanEvents;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly policy: ScanPolicy;
}

export const gitProtocols = ['https', 'ssh', 'file'] as const;
export type GitProtocol = (typeof gitProtocols)[number];

/** What a deployment decides. */
export interface ScanPolicy {
  readonly limits: AdmissionLimits;
  /** How many attempts a scan has in all. */
  readonly maxAttempts: number;
  /** Whether CreateScan with a `git_url` and no artifact queues the scan, for clients that know no StartScan. */
  readonly autoStart: boolean;
  /** What becomes of a scan of which some tools failed and others did not. */
  readonly partialResults: 'complete' | 'fail';
  readonly gitProtocols: readonly GitProtocol[];
  /** PEM of the public keys that attestations are verified with: the one that signs, and former ones. */
  readonly attestationKeys: readonly string[];
  /** Bytes of the largest source archive. */
  readonly maxSourceBytes: number;
  /** Results of one run of an imported log that become findings; of more, the most severe. */
  readonly importedResultsPerRun: number;
  /** Milliseconds after which a watcher looks at the database without having been told to. */
  readonly watchPollMs: number;
}

/** Who calls a use case, and until when. */
export interface Caller {
  readonly scope: OrganizationScope;
  /** Written into every event: a user id, `runner`, or `anonymous` where authentication is disabled. */
  readonly actor: string;
  /** Aborts, with the error to answer, when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Who administers organizations. */
export interface SystemCaller {
  readonly scope: SystemScope;
  readonly actor: string;
  readonly signal: AbortSignal;
}
