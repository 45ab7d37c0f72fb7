import { failureReasons, severities } from '@cloudscan/domain';
import type { FailureReason, Progress, Scan, ScanStatus } from '@cloudscan/domain';
import { clip } from '../input/clip.ts';
import { readRequest } from '../input/request-reader.ts';
import type { Given, RequestReader } from '../input/request-reader.ts';
import { readRunnerIdentity } from '../input/runner-identity.ts';
import type { GivenRunnerIdentity } from '../input/runner-identity.ts';
import type { RunnerIdentity } from '../ports/scan-repository.ts';
import { maxErrorMessage } from './complete-scan.ts';
import { expectActiveAttempt, findScan, scanAfter } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface UpdateScanRequest extends GivenRunnerIdentity {
  readonly id: string;
  readonly status: Given<ScanStatus>;
  /** What the runner counted. The scan counts what it was sent, so that the two can never contradict each other. */
  readonly totalFindings: number;
  readonly findingsBySeverity: Readonly<Record<string, number>>;
  readonly errorMessage: string;
  readonly progress: Progress | null;
  readonly failureReason: Given<FailureReason>;
}

/** The states that a runner may report. */
const reportable = ['running', 'completed', 'failed', 'cancelled'] as const satisfies readonly ScanStatus[];

/**
 * What a runner reports: that it lives and how far it has come, or, from older runners, that it has ended. Idempotent.
 *
 * @throws invalid_argument, not_found, failed_precondition for a transition that the scan's state or attempt forbids
 */
export async function updateScan(ports: UseCasePorts, caller: Caller, request: UpdateScanRequest): Promise<Scan> {
  const report = readRequest((reader) => readReport(reader, request));
  const { scans, policy } = ports;
  const { scope, actor } = caller;
  const { scanId, attempt, runId } = report;
  const at = ports.clock.now();
  switch (report.status) {
    case 'running': {
      const result = await scans.recordProgress(scope, { scanId, attempt, runId, progress: report.progress, at });
      return scanAfter(ports, result, scanId, 'reported as running');
    }
    case 'completed': {
      const nothing = { resultsArtifactId: null, provenance: null, tools: [], findings: [], failure: null };
      const result = await scans.complete(scope, { scanId, attempt, runId, ...nothing, limits: policy.limits, actor, at });
      return scanAfter(ports, result, scanId, 'completed');
    }
    case 'failed': {
      const end = { scanId, attempt, reason: report.failureReason, message: report.errorMessage, evidence: null };
      const result = await scans.endAttempt(scope, { ...end, maxAttempts: policy.maxAttempts, limits: policy.limits, actor, at });
      return scanAfter(ports, result, scanId, 'failed');
    }
    case 'cancelled':
      return cancelAttempt(ports, caller, report, at);
  }
}

interface Report extends RunnerIdentity {
  readonly scanId: string;
  readonly status: (typeof reportable)[number];
  readonly progress: Progress | null;
  readonly errorMessage: string;
  readonly failureReason: FailureReason;
}

function readReport(reader: RequestReader, request: UpdateScanRequest): Report {
  reader.integer('total_findings', request.totalFindings, { min: 0, max: 2 ** 31 - 1 });
  for (const severity of severities) {
    reader.integer(`findings_by_severity[${severity}]`, request.findingsBySeverity[severity] ?? 0, { min: 0, max: 2 ** 31 - 1 });
  }
  return {
    scanId: reader.id('id', request.id),
    ...readRunnerIdentity(reader, request),
    status: reader.member(
      'status',
      reportable.find((status) => status === request.status) ?? (request.status === null ? null : undefined),
      reportable,
    ),
    progress: request.progress === null ? null : readProgress(reader, request.progress),
    errorMessage: clip(request.errorMessage, maxErrorMessage),
    // An older runner cannot say why; what it ran failed.
    failureReason: reader.optionalMember('failure_reason', request.failureReason, failureReasons) ?? 'tool_error',
  };
}

function readProgress(reader: RequestReader, { step, percent, message }: Progress): Progress {
  return {
    step: reader.line('progress.step', step, { max: 64, required: true }),
    percent: reader.integer('progress.percent', percent, { min: 0, max: 100 }),
    message: clip(message, 1000),
  };
}

/** A runner whose attempt is over must not cancel the one that came after it. */
async function cancelAttempt(ports: UseCasePorts, caller: Caller, { scanId, attempt }: Report, at: Date): Promise<Scan> {
  const scan = await findScan(ports, caller, scanId);
  if (scan.status !== 'cancelled') expectActiveAttempt(scan, attempt, 'cancelled');
  const result = await ports.scans.cancel(caller.scope, { scanId, actor: caller.actor, limits: ports.policy.limits, at });
  return scanAfter(ports, result, scanId, 'cancelled');
}
