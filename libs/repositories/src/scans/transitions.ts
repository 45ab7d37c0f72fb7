import { canTransition, isRetryable, isTerminal, noFindings } from '@cloudscan/domain';
import type { FailureReason, Progress, Scan, ScanEvent, ScanStatus, SeverityCounts } from '@cloudscan/domain';
import type {
  CompleteImportCommand,
  CompleteScanCommand,
  CreateScanCommand,
  EndAttemptCommand,
  RunnerIdentity,
} from '@cloudscan/orchestration';

/** A scan as it shall be, and the events that say how it came there. */
export interface Change {
  readonly scan: Scan;
  readonly events: readonly ScanEvent[];
}

/** Why a command changes nothing. */
export type Verdict = { readonly kind: 'unchanged' } | { readonly kind: 'refused'; readonly because: 'status' | 'attempt' | 'run' };

/** What a command means for a scan in its present state. */
export type Decision = Verdict | { readonly kind: 'apply'; readonly change: Change };

interface Occasion {
  readonly actor: string;
  readonly at: Date;
  readonly message?: string;
  readonly failureReason?: FailureReason;
}

const unchanged: Verdict = { kind: 'unchanged' };
const refusedByStatus: Verdict = { kind: 'refused', because: 'status' };
const refusedByAttempt: Verdict = { kind: 'refused', because: 'attempt' };

/** Progress makes an event when the step changes or the percentage passes a multiple of this, so that a timeline stays short. */
const eventPercent = 5;

type Beginning = Pick<CreateScanCommand, 'id' | 'projectId' | 'userId' | 'scanTypes' | 'source' | 'priority'>;

function blank(organizationId: string, beginning: Beginning, createdAt: Date): Scan {
  return {
    id: beginning.id,
    organizationId,
    projectId: beginning.projectId,
    userId: beginning.userId,
    status: 'pending',
    scanTypes: beginning.scanTypes,
    source: beginning.source,
    priority: beginning.priority,
    attempt: 0,
    admittedAt: null,
    jobName: null,
    progress: null,
    findings: noFindings(),
    tools: [],
    acceptedRunId: null,
    resultsArtifactId: null,
    provenance: null,
    failureReason: null,
    failureEvidence: null,
    errorMessage: '',
    sequence: 1,
    createdAt,
    updatedAt: createdAt,
    queuedAt: null,
    startedAt: null,
    completedAt: null,
  };
}

export function created(organizationId: string, command: CreateScanCommand): Change {
  const { at } = command;
  const scan = blank(organizationId, command, at);
  const change = { scan, events: [eventOf(scan, null, { actor: command.actor, at })] };
  return command.start ? queued(change, { actor: command.actor, at }) : change;
}

/** An import counts as one attempt, whose run is accepted. */
export const importAttempt = 1;

/** A scan that has ended as it is created: what it was to find had been found. It never waited, so `queuedAt` stays empty. */
export function imported(organizationId: string, command: CompleteImportCommand, createdAt: Date, findings: SeverityCounts): Change {
  const { scanId, runId, at, actor, failure, message } = command;
  const scan: Scan = {
    ...blank(organizationId, { ...command, id: scanId, priority: 0 }, createdAt),
    status: failure === null ? 'completed' : 'failed',
    attempt: importAttempt,
    acceptedRunId: runId,
    resultsArtifactId: command.resultsArtifactId,
    tools: command.tools,
    findings,
    failureReason: failure?.reason ?? null,
    errorMessage: failure?.message ?? '',
    startedAt: createdAt,
    updatedAt: at,
    completedAt: at,
  };
  return { scan, events: [eventOf(scan, null, { actor, at, message, failureReason: failure?.reason })] };
}

/** A scan that was started stays started: the call again finds its work done, however far the scan has come since. */
export function decideStart(scan: Scan, occasion: Occasion): Decision {
  if (scan.status === 'pending') return apply(queued(unmoved(scan), occasion));
  return scan.status !== 'cancelled' && scan.attempt > 0 ? unchanged : refusedByStatus;
}

export function decideSourceArtifact(scan: Scan, artifactId: string, at: Date): Decision {
  if (scan.status !== 'pending') return refusedByStatus;
  if (scan.source.artifactId === artifactId) return unchanged;
  return apply({ scan: { ...scan, source: { ...scan.source, artifactId }, updatedAt: at }, events: [] });
}

/** What a runner's call means before its content: the first makes an admitted scan running. */
export function decideRunning(scan: Scan, identity: RunnerIdentity, at: Date): Decision {
  if (!isCurrent(scan, identity.attempt)) return refusedByAttempt;
  if (scan.status === 'running') return unchanged;
  return scan.status === 'queued' && scan.admittedAt !== null ? apply(running(unmoved(scan), at)) : refusedByStatus;
}

export function decideProgress(scan: Scan, identity: RunnerIdentity, progress: Progress | null, at: Date): Decision {
  const decision = decideRunning(scan, identity, at);
  if (progress === null || decision.kind === 'refused') return decision;
  return apply(advanced(decision.kind === 'apply' ? decision.change : unmoved(scan), progress, at));
}

/** Null when the run may complete the scan; {@link completed} then says how. */
export function completionVerdict(scan: Scan, command: CompleteScanCommand, runId: string): Verdict | null {
  if (!isCurrent(scan, command.attempt)) return refusedByAttempt;
  if (scan.acceptedRunId !== null) return scan.acceptedRunId === runId ? unchanged : { kind: 'refused', because: 'run' };
  const isAtWork = scan.status === 'running' || (scan.status === 'queued' && scan.admittedAt !== null);
  return isAtWork ? null : refusedByStatus;
}

export function completed(scan: Scan, command: CompleteScanCommand, runId: string, findings: SeverityCounts): Change {
  const { actor, at, failure } = command;
  const atWork = scan.status === 'queued' ? running(unmoved(scan), at) : unmoved(scan);
  const { resultsArtifactId, provenance, tools } = command;
  const result = { acceptedRunId: runId, resultsArtifactId, provenance, tools, findings, completedAt: at };
  if (failure === null) return moved(atWork, 'completed', result, { actor, at });
  return moved(
    atWork,
    'failed',
    { ...result, failureReason: failure.reason, errorMessage: failure.message },
    { actor, at, failureReason: failure.reason, message: failure.message },
  );
}

/** An older attempt has ended already, by whoever ended it: only so is there a newer one. */
export function decideEnd(scan: Scan, command: EndAttemptCommand): Decision {
  const { actor, at, reason, message } = command;
  if (command.attempt !== null && command.attempt < scan.attempt) return unchanged;
  if (!isCurrent(scan, command.attempt)) return refusedByAttempt;
  if (scan.status === 'failed' && scan.failureReason === reason) return unchanged;
  if (scan.status !== 'queued' && scan.status !== 'running') return refusedByStatus;
  // Who names no attempt means the one that has a Job.
  if (command.attempt === null && scan.admittedAt === null) return refusedByStatus;
  const occasion = { actor, at, message, failureReason: reason };
  if (isRetryable(reason) && scan.attempt < command.maxAttempts) return apply(queued(unmoved(scan), occasion));
  return apply(
    moved(
      unmoved(scan),
      'failed',
      { failureReason: reason, failureEvidence: command.evidence, errorMessage: message, completedAt: at },
      occasion,
    ),
  );
}

export function decideExpiry(scan: Scan, message: string, at: Date): Decision {
  if (scan.status !== 'pending') return refusedByStatus;
  const failure = { failureReason: 'source_missing', errorMessage: message, completedAt: at } as const;
  return apply(moved(unmoved(scan), 'failed', failure, { actor: 'sweeper', at, message, failureReason: 'source_missing' }));
}

export function decideCancel(scan: Scan, occasion: Occasion): Decision {
  if (scan.status === 'cancelled') return unchanged;
  if (isTerminal(scan.status)) return refusedByStatus;
  return apply(moved(unmoved(scan), 'cancelled', { completedAt: occasion.at }, occasion));
}

function isCurrent(scan: Scan, attempt: number | null): boolean {
  return attempt === null || attempt === scan.attempt;
}

function apply(change: Change): Decision {
  return { kind: 'apply', change };
}

function unmoved(scan: Scan): Change {
  return { scan, events: [] };
}

/** Into the queue, for the first attempt or the next. */
function queued(change: Change, occasion: Occasion): Change {
  const fresh = {
    attempt: change.scan.attempt + 1,
    queuedAt: occasion.at,
    admittedAt: null,
    startedAt: null,
    jobName: null,
    progress: null,
  };
  return moved(change, 'queued', fresh, occasion);
}

function running(change: Change, at: Date): Change {
  return moved(change, 'running', { startedAt: at }, { actor: 'runner', at });
}

function advanced({ scan, events }: Change, progress: Progress, at: Date): Change {
  const next: Scan = { ...scan, progress, updatedAt: at };
  if (scan.progress !== null && mark(scan.progress) === mark(progress)) return { scan: next, events };
  const told: Scan = { ...next, sequence: scan.sequence + 1 };
  return {
    scan: told,
    events: [...events, { ...eventOf(told, scan.status, { actor: 'runner', at }), type: 'progress', message: progress.message, progress }],
  };
}

function mark({ step, percent }: Progress): string {
  return `${Math.floor(percent / eventPercent)} ${step}`;
}

function moved({ scan, events }: Change, to: ScanStatus, fields: Partial<Scan>, occasion: Occasion): Change {
  if (!canTransition(scan.status, to)) throw new Error(`scan ${scan.id} cannot go from ${scan.status} to ${to}`);
  const next: Scan = { ...scan, ...fields, status: to, sequence: scan.sequence + 1, updatedAt: occasion.at };
  return { scan: next, events: [...events, eventOf(next, scan.status, occasion)] };
}

function eventOf(scan: Scan, from: ScanStatus | null, { actor, at, message = '', failureReason }: Occasion): ScanEvent {
  return {
    scanId: scan.id,
    sequence: scan.sequence,
    type: 'transition',
    from,
    to: scan.status,
    attempt: scan.attempt,
    actor,
    message,
    progress: null,
    failureReason: failureReason ?? null,
    createdAt: at,
  };
}
