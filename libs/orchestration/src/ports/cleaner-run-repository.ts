import type { SystemScope } from '@cloudscan/auth';

/** One run of the cleaner that has ended, however it ended. */
export interface CleanerRun {
  readonly id: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** `interrupted`: it was told to stop; the next run goes on. */
  readonly outcome: 'succeeded' | 'failed' | 'interrupted';
  /** Removed, each with a message that has its artifacts deleted. */
  readonly scans: number;
  /** Of the removed scans, as they counted them. */
  readonly findings: number;
  /** Transactions that looked for scans to remove. */
  readonly batches: number;
  /** Milliseconds of the longest of them. */
  readonly longestBatchMs: number;
}

/** What is known of all runs. */
export interface CleanerStatistics {
  /** Null before the first run. */
  readonly last: { readonly endedAt: Date; readonly durationMs: number } | null;
  /** Null before the first that succeeded. */
  readonly lastSuccessAt: Date | null;
  /** Removed since the first run. */
  readonly scans: number;
  readonly findings: number;
}

/** The last runs of the cleaner, kept for who wants to know after it ended. Throws `unavailable` without the database. */
export interface CleanerRunRepository {
  /** Also forgets all but the last 100. */
  record(scope: SystemScope, run: CleanerRun): Promise<void>;
  statistics(scope: SystemScope): Promise<CleanerStatistics>;
}
