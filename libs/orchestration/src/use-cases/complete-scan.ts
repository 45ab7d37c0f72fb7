import { failedPrecondition, hasToolFailed, isTerminal } from '@cloudscan/domain';
import type { FailureReason, RunProvenance, Scan, ToolRun } from '@cloudscan/domain';
import { clip } from '../input/clip.ts';
import { readFindings } from '../input/findings.ts';
import type { GivenFinding } from '../input/findings.ts';
import { readRequest } from '../input/request-reader.ts';
import { readRunProvenance } from '../input/run-provenance.ts';
import { readRunnerIdentity } from '../input/runner-identity.ts';
import type { GivenRunnerIdentity } from '../input/runner-identity.ts';
import { readToolRuns } from '../input/tool-runs.ts';
import type { GivenToolRun } from '../input/tool-runs.ts';
import { findingsOf } from './create-findings.ts';
import { findScan, scanAfter } from './outcomes.ts';
import type { Caller, ScanPolicy, UseCasePorts } from './ports.ts';

export interface CompleteScanRequest extends GivenRunnerIdentity {
  readonly id: string;
  /** Empty when the run wrote none. */
  readonly resultsArtifactId: string;
  /** Null from runners that do not say. */
  readonly provenance: RunProvenance | null;
  readonly tools: readonly GivenToolRun[];
  /** A last batch. */
  readonly findings: readonly GivenFinding[];
}

/** Length of an error message that a scan holds. */
export const maxErrorMessage = 4000;

/**
 * Accepts a run's findings and completes the scan, or fails it when no tool succeeded. Idempotent.
 *
 * @throws invalid_argument, not_found, failed_precondition when the scan was ended otherwise, is at another attempt, its
 *   results were not uploaded, or it has read another source than was uploaded
 */
export async function completeScan(ports: UseCasePorts, caller: Caller, request: CompleteScanRequest): Promise<Scan> {
  const run = readRequest((reader) => ({
    scanId: reader.id('id', request.id),
    ...readRunnerIdentity(reader, request),
    resultsArtifactId: reader.optionalId('results_artifact_id', request.resultsArtifactId),
    provenance: readRunProvenance(reader, request.provenance),
    tools: readToolRuns(reader, request.tools),
    findings: readFindings(reader, request.findings),
  }));
  const scan = await findScan(ports, caller, run.scanId);
  // A call again, after the scan has ended, needs its artifacts no more.
  if (!isTerminal(scan.status)) {
    await Promise.all([
      run.resultsArtifactId !== null && expectResults(ports, caller, run.scanId, run.resultsArtifactId),
      run.provenance !== null && expectSource(ports, caller, scan, run.provenance),
    ]);
  }
  const at = ports.clock.now();
  const result = await ports.scans.complete(caller.scope, {
    ...run,
    findings: findingsOf(ports, caller.scope, run, run.findings, at),
    failure: failureOf(run.tools, ports.policy.partialResults),
    limits: ports.policy.limits,
    actor: caller.actor,
    at,
  });
  return scanAfter(ports, result, run.scanId, 'completed');
}

/**
 * What the tools' ends mean for the scan. A tool that was skipped found nothing to read, which is a result; but where nothing
 * succeeded and something failed, nobody has looked at the source.
 */
export function failureOf(
  tools: readonly ToolRun[],
  partialResults: ScanPolicy['partialResults'],
): { readonly reason: FailureReason; readonly message: string } | null {
  const failed = tools.filter(hasToolFailed);
  const succeeded = tools.some(({ status }) => status === 'succeeded');
  if (failed.length === 0 || (succeeded && partialResults === 'complete')) return null;
  const details = failed.map(describeFailure).join('; ');
  const message = succeeded ? `some tools failed: ${details}` : `no tool succeeded: ${details}`;
  return { reason: 'tool_error', message: clip(message, maxErrorMessage) };
}

function describeFailure({ name, status, exitCode, errorMessage }: ToolRun): string {
  return `${name}: ${errorMessage || briefEnd(status, exitCode)}`;
}

function briefEnd(status: ToolRun['status'], exitCode: number): string {
  switch (status) {
    case 'timed_out':
      return 'ran out of time';
    case 'out_of_memory':
      return 'ran out of memory';
    case 'killed':
      return 'was killed';
    case 'succeeded':
    case 'skipped':
    case 'failed':
      return `exit code ${exitCode}`;
  }
}

async function expectResults({ storage }: UseCasePorts, { scope }: Caller, scanId: string, artifactId: string): Promise<void> {
  const found = await storage.getArtifact(scope, artifactId);
  if (found === null || found.artifact.scanId !== scanId) throw failedPrecondition(`scan ${scanId} has no artifact ${artifactId}`);
  if (found.artifact.status !== 'available') {
    throw failedPrecondition(
      `artifact ${artifactId}, the results of scan ${scanId}, was not uploaded; upload it and call CompleteScan again`,
    );
  }
}

/** What was declared at the upload, where anything was, is what the run must have read. A source that is gone by now is not asked for. */
async function expectSource({ storage }: UseCasePorts, { scope }: Caller, scan: Scan, { sourceSha256 }: RunProvenance): Promise<void> {
  const { artifactId } = scan.source;
  if (artifactId === null) return;
  if (sourceSha256 === '') throw failedPrecondition(`the source of scan ${scan.id} was uploaded, and the run has read a repository`);
  const declared = (await storage.getArtifact(scope, artifactId))?.artifact.sha256 ?? '';
  if (declared === '' || declared === sourceSha256) return;
  throw failedPrecondition(`the run has read another source than artifact ${artifactId}, which was uploaded for scan ${scan.id}`);
}
