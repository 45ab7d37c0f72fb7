import type { OrganizationScope, Scope } from '@cloudscan/auth';
import type { Database, Transaction } from '@cloudscan/database';
import type { Finding, Scan, ScanEvent } from '@cloudscan/domain';
import type {
  AddFindingsCommand,
  AddFindingsResult,
  AdmissionLimits,
  AdmitCommand,
  CancelScanCommand,
  CompleteScanCommand,
  CreateScanCommand,
  CreateScanResult,
  DeleteProjectScansCommand,
  DeleteScanCommand,
  EndAttemptCommand,
  IdempotencyRecord,
  ListFindingsQuery,
  ListScansQuery,
  Page,
  RecordProgressCommand,
  ScanRepository,
  SetSourceArtifactCommand,
  StartScanCommand,
  StartScanResult,
  TransitionResult,
} from '@cloudscan/orchestration';
import type { OutgoingMessage, TransactionalJobs } from '../transactional-jobs.ts';
import { isActive } from './active-scans.ts';
import { addBatch } from './add-batch.ts';
import { lockAdmission } from './admission-lock.ts';
import { admit, reachedQueueLimit } from './admission.ts';
import { attestationOf, leftoversOf, removeJobOf, stopJobOf } from './follow-ups.ts';
import { claimKey, findKey } from './idempotency.ts';
import { withPartitionsOf } from './partitions.ts';
import { lockProject } from './project-lock.ts';
import { replayOf } from './replay.ts';
import { openRun, runCounters, runOfAttempt } from './runs.ts';
import { listEvents, listFindings, listScans, queuePosition } from './scan-queries.ts';
import { lockScans } from './scan-batches.ts';
import { deleteScan, insertScan, lockScan, readScan, saveScan } from './scan-store.ts';
import {
  completed,
  completionVerdict,
  created,
  decideCancel,
  decideEnd,
  decideProgress,
  decideRunning,
  decideSourceArtifact,
  decideStart,
} from './transitions.ts';
import type { Change, Decision } from './transitions.ts';
import { chargeUsage } from './usage.ts';

/** The batch that comes with CompleteScan. */
const lastBatchKey = 'complete';

/**
 * Scans in PostgreSQL. A command locks the scan's row, lets a pure function of `transitions.ts` decide, writes what follows
 * from it, and only then works as the system, for admission and for queue messages.
 */
export class PgScanRepository implements ScanRepository {
  readonly #database: Database;
  readonly #jobs: TransactionalJobs;

  constructor(database: Database, jobs: TransactionalJobs) {
    this.#database = database;
    this.#jobs = jobs;
  }

  async create(scope: OrganizationScope, command: CreateScanCommand): Promise<CreateScanResult> {
    return withPartitionsOf(this.#database, scope, command.at, (transaction) => this.#create(transaction, scope, command));
  }

  async start(scope: OrganizationScope, command: StartScanCommand): Promise<StartScanResult> {
    return this.#database.transaction(scope, async (transaction) => {
      const scan = await lockScan(transaction, scope, command.scanId);
      if (scan === null) return { kind: 'not_found' };
      const decision = decideStart(scan, command);
      if (decision.kind !== 'apply') return { ...decision, scan };
      await lockAdmission(transaction);
      const limit = await reachedQueueLimit(transaction, scope.organizationId, command.limits);
      if (limit !== null) return { kind: 'queue_full', limit };
      return this.#apply(transaction, scan, decision.change, command.limits);
    });
  }

  async setSourceArtifact(scope: OrganizationScope, command: SetSourceArtifactCommand): Promise<TransitionResult> {
    return this.#decide(scope, command.scanId, (scan) => decideSourceArtifact(scan, command.artifactId, command.at));
  }

  async recordProgress(scope: OrganizationScope, command: RecordProgressCommand): Promise<TransitionResult> {
    return this.#decide(scope, command.scanId, (scan) => decideProgress(scan, command, command.progress, command.at));
  }

  async addFindings(scope: OrganizationScope, command: AddFindingsCommand): Promise<AddFindingsResult> {
    return this.#database.transaction(scope, async (transaction) => {
      const before = await lockScan(transaction, scope, command.scanId);
      if (before === null) return { kind: 'not_found' };
      const decision = decideRunning(before, command, command.at);
      if (decision.kind === 'refused')
        return { kind: 'refused', scan: before, because: decision.because === 'run' ? 'attempt' : decision.because };
      const runId = command.runId ?? runOfAttempt(before.id, before.attempt);
      if (!(await openRun(transaction, before, runId, command.at))) return { kind: 'refused', scan: before, because: 'attempt' };
      const { isNew, count } = await addBatch(transaction, before, { runId, key: command.batchKey, findings: command.findings });
      if (decision.kind === 'apply') await saveScan(transaction, before, decision.change);
      return { kind: isNew ? 'added' : 'duplicate', count, scan: decision.kind === 'apply' ? decision.change.scan : before };
    });
  }

  async complete(scope: OrganizationScope, command: CompleteScanCommand): Promise<TransitionResult> {
    return this.#database.transaction(scope, async (transaction) => {
      const scan = await lockScan(transaction, scope, command.scanId);
      if (scan === null) return { kind: 'not_found' };
      const runId = command.runId ?? runOfAttempt(scan.id, command.attempt ?? scan.attempt);
      const verdict = completionVerdict(scan, command, runId);
      if (verdict !== null) return { ...verdict, scan };
      if (!(await openRun(transaction, scan, runId, command.at))) return { kind: 'refused', scan, because: 'run' };
      if (command.findings.length > 0) await addBatch(transaction, scan, { runId, key: lastBatchKey, findings: command.findings });
      const counters = await runCounters(transaction, scan, runId);
      return this.#apply(transaction, scan, completed(scan, command, runId, counters), command.limits);
    });
  }

  async endAttempt(scope: Scope, command: EndAttemptCommand): Promise<TransitionResult> {
    return this.#decide(scope, command.scanId, (scan) => decideEnd(scan, command), command.limits);
  }

  async cancel(scope: OrganizationScope, command: CancelScanCommand): Promise<TransitionResult> {
    return this.#decide(scope, command.scanId, (scan) => decideCancel(scan, command), command.limits, stopJobOf);
  }

  async delete(scope: OrganizationScope, command: DeleteScanCommand): Promise<boolean> {
    return this.#database.transaction(scope, async (transaction) => {
      const scan = await lockScan(transaction, scope, command.scanId);
      if (scan === null) return false;
      await this.#delete(transaction, [scan], command);
      return true;
    });
  }

  async deleteOfProject(scope: OrganizationScope, command: DeleteProjectScansCommand): Promise<readonly string[]> {
    return this.#database.transaction(scope, async (transaction) => {
      const query = { projectId: command.projectId, status: null, pageSize: command.limit, pageToken: null };
      const { items } = await listScans(transaction, scope, query);
      const locked = await lockScans(
        transaction,
        scope,
        items.map(({ id }) => id),
      );
      await this.#delete(transaction, locked, command);
      return locked.map(({ id }) => id);
    });
  }

  async findById(scope: Scope, id: string): Promise<Scan | null> {
    return this.#database.transaction(scope, (transaction) => readScan(transaction, scope, id));
  }

  async findByIdempotencyKey(scope: OrganizationScope, key: string): Promise<IdempotencyRecord | null> {
    return this.#database.transaction(scope, async (transaction) => {
      const use = await findKey(transaction, scope.organizationId, key, null);
      return use && { requestHash: use.requestHash, scan: await readScan(transaction, scope, use.scanId) };
    });
  }

  async list(scope: OrganizationScope, query: ListScansQuery): Promise<Page<Scan>> {
    return this.#database.transaction(scope, (transaction) => listScans(transaction, scope, query));
  }

  async queuePosition(scope: Scope, scan: Scan, asOf: AdmitCommand): Promise<number> {
    if (scan.status !== 'queued' || scan.admittedAt !== null) return 0;
    return this.#database.transaction(scope, (transaction) => queuePosition(transaction, scan, asOf));
  }

  async events(scope: Scope, scanId: string, afterSequence: number, limit: number): Promise<readonly ScanEvent[]> {
    return this.#database.transaction(scope, (transaction) => listEvents(transaction, scope, scanId, afterSequence, limit));
  }

  async findings(scope: OrganizationScope, query: ListFindingsQuery): Promise<Page<Finding>> {
    return this.#database.transaction(scope, (transaction) => listFindings(transaction, scope, query));
  }

  async #create(transaction: Transaction, scope: OrganizationScope, command: CreateScanCommand): Promise<CreateScanResult> {
    const { idempotency, limits, at } = command;
    const { organizationId } = scope;
    const replayed = idempotency && (await replayOf(transaction, scope, idempotency, at));
    if (replayed !== null) return replayed;
    if (!(await lockProject(transaction, scope, command.projectId))) return { kind: 'project_not_found' };
    if (command.start) {
      await lockAdmission(transaction);
      const limit = await reachedQueueLimit(transaction, organizationId, limits);
      if (limit !== null) return { kind: 'queue_full', limit };
    }
    if (idempotency !== null) {
      const { key, requestHash } = idempotency;
      if (!(await claimKey(transaction, organizationId, key, { requestHash, scanId: command.id }, at))) {
        return (await replayOf(transaction, scope, idempotency, at)) ?? { kind: 'key_conflict' };
      }
    }
    const change = created(organizationId, command);
    await insertScan(transaction, change);
    return { kind: 'created', scan: await this.#followUp(transaction, null, change.scan, limits) };
  }

  async #decide(
    scope: Scope,
    scanId: string,
    decide: (scan: Scan) => Decision,
    limits: AdmissionLimits | null = null,
    messagesOf: (before: Scan) => readonly OutgoingMessage[] = () => [],
  ): Promise<TransitionResult> {
    return this.#database.transaction(scope, async (transaction) => {
      const scan = await lockScan(transaction, scope, scanId);
      if (scan === null) return { kind: 'not_found' };
      const decision = decide(scan);
      if (decision.kind !== 'apply') return { ...decision, scan };
      return this.#apply(transaction, scan, decision.change, limits, messagesOf(scan));
    });
  }

  async #apply(
    transaction: Transaction,
    before: Scan,
    change: Change,
    limits: AdmissionLimits | null,
    messages: readonly OutgoingMessage[] = [],
  ): Promise<{ readonly kind: 'applied'; readonly scan: Scan }> {
    await saveScan(transaction, before, change);
    return { kind: 'applied', scan: await this.#followUp(transaction, before, change.scan, limits, messages) };
  }

  /** Sends messages, and admits where the change put a scan into the queue or an end made room. Answers the scan as it is after that. */
  async #followUp(
    transaction: Transaction,
    before: Scan | null,
    after: Scan,
    limits: AdmissionLimits | null,
    messages: readonly OutgoingMessage[] = [],
  ): Promise<Scan> {
    const entersQueue = after.status === 'queued' && after.attempt !== before?.attempt;
    const ends = before !== null && isActive(before) && !isActive(after);
    const admits = limits !== null && (entersQueue || ends);
    const outgoing = [...messages, ...(ends ? [...leftoversOf(after), ...attestationOf(after)] : [])];
    if (!admits && outgoing.length === 0) return after;
    await transaction.becomeSystem();
    if (outgoing.length > 0) await this.#jobs.send(transaction, outgoing);
    if (!admits) return after;
    if (before !== null) await chargeUsage(transaction, [before], limits, after.updatedAt);
    const admitted = await admit(transaction, this.#jobs, limits, after.updatedAt);
    return admitted.has(after.id) ? { ...after, admittedAt: after.updatedAt } : after;
  }

  async #delete(
    transaction: Transaction,
    scans: readonly Scan[],
    { limits, at }: { readonly limits: AdmissionLimits; readonly at: Date },
  ): Promise<void> {
    if (scans.length === 0) return;
    for (const scan of scans) await deleteScan(transaction, scan, at);
    await transaction.becomeSystem();
    const artifacts = scans.map(({ id, organizationId }): OutgoingMessage => ({
      queue: 'delete-artifacts',
      message: { organizationId, scanId: id, type: null, keep: [] },
    }));
    await this.#jobs.send(transaction, [...scans.flatMap((scan) => removeJobOf(scan, at)), ...artifacts]);
    const active = scans.filter(isActive);
    if (active.length === 0) return;
    await chargeUsage(transaction, active, limits, at);
    await admit(transaction, this.#jobs, limits, at);
  }
}
