import type { OrganizationScope } from '@cloudscan/auth';
import type { FailureReason, Finding, Scan, ScanSource, ScanType, ToolRun } from '@cloudscan/domain';

/**
 * Scans whose findings were found elsewhere. What an import writes belongs to no scan, and no reader sees it, until `complete` makes
 * the scan in its final state. An import that gives no sign of life for as long as its lease is collected like a run that does not
 * count. Each method throws `unavailable` when the database cannot be reached.
 */
export interface ImportRepository {
  /** False when the organization has no such project. */
  begin(scope: OrganizationScope, command: BeginImportCommand): Promise<boolean>;
  /** Adds a batch of findings, once, and renews the lease. False when that has run out. */
  addFindings(scope: OrganizationScope, command: AddImportedFindingsCommand): Promise<boolean>;
  /** Makes the scan, with its one event and its idempotency record. Constant time whatever was imported. */
  complete(scope: OrganizationScope, command: CompleteImportCommand): Promise<CompleteImportResult>;
  /** Leaves what was written to the collector. Idempotent; nothing happens to an import that is complete. */
  abandon(scope: OrganizationScope, key: ImportKey): Promise<void>;
}

export interface ImportKey {
  /** UUIDv7: of the scan that is to be; its `created_at` is the moment in it. */
  readonly scanId: string;
  readonly runId: string;
}

export interface BeginImportCommand extends ImportKey {
  readonly projectId: string;
  readonly leaseMs: number;
  readonly at: Date;
}

export interface AddImportedFindingsCommand extends ImportKey {
  /** Unique within the import. */
  readonly batchKey: string;
  readonly findings: readonly Finding[];
  readonly leaseMs: number;
}

export interface CompleteImportCommand extends ImportKey {
  readonly projectId: string;
  readonly userId: string | null;
  readonly actor: string;
  /** What the scan's event says. */
  readonly message: string;
  readonly scanTypes: readonly ScanType[];
  readonly source: ScanSource;
  readonly resultsArtifactId: string | null;
  readonly tools: readonly ToolRun[];
  /** Set when no tool succeeded: the scan is failed, with its findings and tools kept. */
  readonly failure: { readonly reason: FailureReason; readonly message: string } | null;
  readonly idempotency: { readonly key: string; readonly requestHash: string } | null;
  readonly at: Date;
}

export type CompleteImportResult =
  | { readonly kind: 'created'; readonly scan: Scan }
  /** The key was used before, by the same request. */
  | { readonly kind: 'replayed'; readonly scan: Scan }
  /** The key was used before, by another request. */
  | { readonly kind: 'key_conflict' }
  | { readonly kind: 'project_not_found' }
  /** The lease has run out. */
  | { readonly kind: 'expired' };
