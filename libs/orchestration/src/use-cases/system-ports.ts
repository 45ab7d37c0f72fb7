import type { SystemScope } from '@cloudscan/auth';
import type { Clock } from '../ports/clock.ts';
import type { JobDispatcher } from '../ports/job-dispatcher.ts';
import type { ScanEvents } from '../ports/scan-events.ts';
import type { AdmissionLimits, ScanRepository, SystemScanRepository } from '../ports/scan-repository.ts';

/** What dispatcher and sweeper need of the world. */
export interface SystemPorts {
  readonly scope: SystemScope;
  readonly scans: Pick<ScanRepository, 'findById' | 'endAttempt'>;
  readonly system: SystemScanRepository;
  readonly jobs: JobDispatcher;
  readonly events: ScanEvents;
  readonly clock: Clock;
  readonly policy: AttemptPolicy;
  /** Who they are, in the events of a scan: `dispatcher` or `sweeper`. */
  readonly actor: string;
}

export interface AttemptPolicy {
  readonly limits: AdmissionLimits;
  /** How many attempts a scan has in all. */
  readonly maxAttempts: number;
}
