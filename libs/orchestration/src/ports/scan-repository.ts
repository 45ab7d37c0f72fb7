import type { OrganizationScope, Scope, SystemScope } from '@cloudscan/auth';
import type {
  FailureEvidence,
  FailureReason,
  Finding,
  Progress,
  RunProvenance,
  Scan,
  ScanEvent,
  ScanSource,
  ScanStatus,
  ScanType,
  ToolRun,
} from '@cloudscan/domain';
import type { Page, PageRequest } from './page.ts';

/**
 * Scans with their events, runs and findings. Every write is one command: all of it is committed, with its events, queue
 * jobs and idempotency record, or none of it. Each method throws `unavailable` when the database cannot be reached.
 */
export interface ScanRepository {
  create(scope: OrganizationScope, command: CreateScanCommand): Promise<CreateScanResult>;
  /** `pending → queued`, then admission in the same transaction. */
  start(scope: OrganizationScope, command: StartScanCommand): Promise<StartScanResult>;
  /** Points a pending scan at another source artifact. */
  setSourceArtifact(scope: OrganizationScope, command: SetSourceArtifactCommand): Promise<TransitionResult>;
  /** A runner's sign of life: `queued → running` on the first, then progress. */
  recordProgress(scope: OrganizationScope, command: RecordProgressCommand): Promise<TransitionResult>;
  /** Adds one batch to a run, once. A queued scan becomes running. */
  addFindings(scope: OrganizationScope, command: AddFindingsCommand): Promise<AddFindingsResult>;
  /** Accepts a run and completes the scan, or fails it where `failure` says so. Constant time whatever the run holds. */
  complete(scope: OrganizationScope, command: CompleteScanCommand): Promise<TransitionResult>;
  /** Ends an attempt that did not complete: a new attempt where the reason and `maxAttempts` allow, otherwise `failed`. */
  endAttempt(scope: Scope, command: EndAttemptCommand): Promise<TransitionResult>;
  /** Also asks, by a queue job, for the attempt's Job to be stopped. */
  cancel(scope: OrganizationScope, command: CancelScanCommand): Promise<TransitionResult>;
  /** Removes the scan; its findings and bytes follow by queue and collector. Answers false when there was none. */
  delete(scope: OrganizationScope, command: DeleteScanCommand): Promise<boolean>;
  /** Removes up to `limit` of a project's scans; answers their ids. None means that none are left. */
  deleteOfProject(scope: OrganizationScope, command: DeleteProjectScansCommand): Promise<readonly string[]>;

  findById(scope: Scope, id: string): Promise<Scan | null>;
  /** The scan that an idempotency key made in the last 24 hours. */
  findByIdempotencyKey(scope: OrganizationScope, key: string): Promise<IdempotencyRecord | null>;
  /** Newest first. */
  list(scope: OrganizationScope, query: ListScansQuery): Promise<Page<Scan>>;
  /** A queued scan's place in admission's order: 1 is next; 0 when it is admitted or not queued. */
  queuePosition(scope: Scope, scan: Scan, asOf: AdmitCommand): Promise<number>;
  /** In sequence order, those after `afterSequence`. */
  events(scope: Scope, scanId: string, afterSequence: number, limit: number): Promise<readonly ScanEvent[]>;
  /** Most severe first, of the accepted run, or of the current attempt's newest run while the scan is active. */
  findings(scope: OrganizationScope, query: ListFindingsQuery): Promise<Page<Finding>>;
}

/** What only the system does: admission, dispatch, sweeping and collecting. */
export interface SystemScanRepository {
  /** The organization of a scan or project: the only question that may be asked without knowing it. */
  organizationOfScan(scope: SystemScope, scanId: string): Promise<string | null>;
  organizationOfProject(scope: SystemScope, projectId: string): Promise<string | null>;
  /** Admits as many queued scans as the caps leave room for and sends a dispatch job for each; answers how many. */
  admit(scope: SystemScope, command: AdmitCommand): Promise<number>;
  /** The scan when that attempt is current, admitted and not ended: what a dispatcher must ask before it makes a Job. */
  findDispatchable(scope: SystemScope, scanId: string, attempt: number): Promise<Scan | null>;
  /** Writes the Job's name on the attempt. False when the attempt is no longer current: the Job must go. */
  recordJob(scope: SystemScope, command: RecordJobCommand): Promise<boolean>;
  /** Every scan that is queued and admitted, or running; in id order, in pages of `pageSize`. */
  active(scope: SystemScope, pageSize: number): AsyncIterable<ActiveScan>;
  /** Those of the scans that are queued, admitted or not, or running. */
  activeAmong(scope: SystemScope, scanIds: readonly string[]): Promise<readonly ActiveScan[]>;
  /**
   * Ends attempts as `endAttempt` does, all in one transaction whose statements do not grow with their number; answers in the
   * order of `ends`. At most one end per scan.
   */
  endAttempts(scope: SystemScope, command: EndAttemptsCommand): Promise<readonly TransitionResult[]>;
  /** Sends the dispatch jobs of those attempts again that are current and admitted; answers how many. */
  redispatch(scope: SystemScope, attempts: readonly AttemptKey[]): Promise<number>;
  /** Attempts that ended before `before` and hold their place under the caps still, the oldest first; at most `limit`. */
  heldPlaces(scope: SystemScope, before: Date, limit: number): Promise<readonly AttemptKey[]>;
  /** Nothing of these attempts runs any more: frees the places that they hold, and admits who waits. Answers how many were held. */
  freePlaces(scope: SystemScope, command: FreePlacesCommand): Promise<number>;
  /** Fails pending scans created before `before` with `source_missing` and hands their uploads to deletion. Answers their ids. */
  expirePending(scope: SystemScope, command: ExpirePendingCommand): Promise<readonly ExpiredScan[]>;
  /** Deletes up to `limit` rows of runs that no scan counts; answers how many went. */
  collectDiscarded(scope: SystemScope, limit: number): Promise<number>;
  /**
   * Removes up to `limit` scans of one month that ended before a moment, in id order, with their events; hands their artifacts to
   * deletion and their runs to the collector. What somebody else has locked is left for another time.
   */
  removeEnded(scope: SystemScope, command: EndedScansCommand): Promise<EndedScans>;
  /** What `removeEnded` would remove now. */
  findEnded(scope: SystemScope, command: EndedScansCommand): Promise<EndedScans>;
  /** The months that scans have partitions for, each as its first moment; oldest first. */
  partitionMonths(scope: SystemScope): Promise<readonly Date[]>;
  /** The names of the partitions that `ensurePartitions` would make. */
  missingPartitions(scope: SystemScope, from: Date, months: number): Promise<readonly string[]>;
  /** Makes the monthly partitions from `from` on, `months` of them, where missing; answers the names of the new ones. */
  ensurePartitions(scope: SystemScope, from: Date, months: number): Promise<readonly string[]>;
  queueStatistics(scope: SystemScope): Promise<QueueStatistics>;
}

/** Caps of admission, and what its order goes by. An organization's own caps, where set, replace the defaults. */
export interface AdmissionLimits {
  readonly maxRunning: number;
  readonly maxRunningPerOrganization: number;
  readonly maxQueuedPerOrganization: number;
  /** Milliseconds in which half of what an organization has used is forgotten. */
  readonly usageHalfLifeMs: number;
}

export interface CreateScanCommand {
  /** UUIDv7; `created_at` is its moment. */
  readonly id: string;
  readonly projectId: string;
  readonly userId: string | null;
  readonly actor: string;
  readonly scanTypes: readonly ScanType[];
  readonly source: ScanSource;
  readonly priority: number;
  /** Whether the scan is queued at once. */
  readonly start: boolean;
  readonly idempotency: { readonly key: string; readonly requestHash: string } | null;
  readonly limits: AdmissionLimits;
  readonly at: Date;
}

export type CreateScanResult =
  | { readonly kind: 'created'; readonly scan: Scan }
  /** The key was used before, by the same request. */
  | { readonly kind: 'replayed'; readonly scan: Scan }
  /** The key was used before, by another request. */
  | { readonly kind: 'key_conflict' }
  | { readonly kind: 'project_not_found' }
  | { readonly kind: 'queue_full'; readonly limit: number };

export interface IdempotencyRecord {
  readonly requestHash: string;
  /** Null when the scan was deleted since. */
  readonly scan: Scan | null;
}

export interface StartScanCommand {
  readonly scanId: string;
  readonly actor: string;
  readonly limits: AdmissionLimits;
  readonly at: Date;
}

export type StartScanResult = TransitionResult | { readonly kind: 'queue_full'; readonly limit: number };

export interface SetSourceArtifactCommand {
  readonly scanId: string;
  readonly artifactId: string;
  readonly at: Date;
}

/**
 * `applied`: done now. `unchanged`: done before, by the same call. `refused`: the state, or the attempt, forbids it;
 * `scan` is what stands there instead.
 */
export type TransitionResult =
  | { readonly kind: 'applied'; readonly scan: Scan }
  | { readonly kind: 'unchanged'; readonly scan: Scan }
  | { readonly kind: 'refused'; readonly scan: Scan; readonly because: 'status' | 'attempt' | 'run' }
  | { readonly kind: 'not_found' };

/** Which attempt and run a runner speaks for. */
export interface RunnerIdentity {
  /** Null: the current one (older runners). */
  readonly attempt: number | null;
  /** Null: the run of that attempt (older runners). */
  readonly runId: string | null;
}

export interface RecordProgressCommand extends RunnerIdentity {
  readonly scanId: string;
  readonly progress: Progress | null;
  readonly at: Date;
}

export interface AddFindingsCommand extends RunnerIdentity {
  readonly scanId: string;
  /** Unique within the run. */
  readonly batchKey: string;
  readonly findings: readonly Finding[];
  readonly at: Date;
}

export type AddFindingsResult =
  | { readonly kind: 'added'; readonly count: number; readonly scan: Scan }
  /** The batch was there; `count` is what it held. */
  | { readonly kind: 'duplicate'; readonly count: number; readonly scan: Scan }
  | { readonly kind: 'refused'; readonly scan: Scan; readonly because: 'status' | 'attempt' }
  | { readonly kind: 'not_found' };

export interface CompleteScanCommand extends RunnerIdentity {
  readonly scanId: string;
  readonly resultsArtifactId: string | null;
  /** Null from runs that do not say. */
  readonly provenance: RunProvenance | null;
  readonly tools: readonly ToolRun[];
  /** A last batch, committed with the completion. */
  readonly findings: readonly Finding[];
  /** Set when no tool succeeded: the scan ends failed, with its findings and tools kept. */
  readonly failure: { readonly reason: FailureReason; readonly message: string } | null;
  /** An end leaves room: admission runs in the same transaction. */
  readonly limits: AdmissionLimits;
  readonly actor: string;
  readonly at: Date;
}

export interface AttemptKey {
  readonly scanId: string;
  readonly attempt: number;
}

/** How an attempt ended that did not complete. */
export interface AttemptEnd {
  readonly scanId: string;
  /** Null: the current one (older runners). */
  readonly attempt: number | null;
  readonly reason: FailureReason;
  /** One sentence for the user. */
  readonly message: string;
  readonly evidence: FailureEvidence | null;
}

interface EndTerms {
  /** How many attempts a scan has in all; a reason that is not retryable ends it whatever is left. */
  readonly maxAttempts: number;
  /** An end leaves room: admission runs in the same transaction. */
  readonly limits: AdmissionLimits;
  readonly actor: string;
  readonly at: Date;
}

export interface EndAttemptCommand extends AttemptEnd, EndTerms {}

export interface EndAttemptsCommand extends EndTerms {
  readonly ends: readonly AttemptEnd[];
}

export interface CancelScanCommand {
  readonly scanId: string;
  readonly actor: string;
  /** An end leaves room: admission runs in the same transaction. */
  readonly limits: AdmissionLimits;
  readonly at: Date;
}

export interface DeleteScanCommand {
  readonly scanId: string;
  readonly actor: string;
  /** An end leaves room: admission runs in the same transaction. */
  readonly limits: AdmissionLimits;
  readonly at: Date;
}

export interface DeleteProjectScansCommand {
  readonly projectId: string;
  readonly actor: string;
  /** An end leaves room: admission runs in the same transaction. */
  readonly limits: AdmissionLimits;
  /** At most so many scans. */
  readonly limit: number;
  readonly at: Date;
}

export interface ListScansQuery extends PageRequest {
  readonly projectId: string | null;
  readonly status: ScanStatus | null;
}

export interface ListFindingsQuery extends PageRequest {
  readonly scanId: string;
  readonly scanType: ScanType | null;
  readonly severity: Finding['severity'] | null;
}

export interface AdmitCommand {
  readonly limits: AdmissionLimits;
  readonly at: Date;
}

export interface RecordJobCommand {
  readonly scanId: string;
  readonly attempt: number;
  readonly jobName: string;
  readonly jobNamespace: string;
  readonly at: Date;
}

export interface ActiveScan {
  readonly id: string;
  readonly organizationId: string;
  readonly attempt: number;
  readonly status: 'queued' | 'running';
  /** Null while it waits for its turn. */
  readonly admittedAt: Date | null;
  readonly jobName: string | null;
  readonly startedAt: Date | null;
  readonly updatedAt: Date;
}

export interface FreePlacesCommand {
  readonly attempts: readonly AttemptKey[];
  readonly limits: AdmissionLimits;
  readonly at: Date;
}

export interface ExpirePendingCommand {
  readonly before: Date;
  readonly limit: number;
  readonly at: Date;
}

export interface ExpiredScan {
  readonly id: string;
  readonly organizationId: string;
  readonly sequence: number;
}

export interface EndedScansCommand {
  /** The month in which the scans were created, as its first moment. */
  readonly month: Date;
  /** Of their ends. */
  readonly before: Date;
  /** The id to go on after; null at the begin of a month. */
  readonly after: string | null;
  readonly limit: number;
  readonly at: Date;
}

export interface EndedScans {
  readonly scans: number;
  /** As the scans counted them. */
  readonly findings: number;
  /** The id to go on after; null when the month holds no more. */
  readonly next: string | null;
}

export interface QueueStatistics {
  /** All queued scans. */
  readonly queued: number;
  /** Admitted attempts that wait for a dispatcher. */
  readonly awaitingDispatch: number;
  readonly running: number;
  /** Milliseconds; 0 when nothing waits. */
  readonly oldestQueuedAgeMs: number;
}
