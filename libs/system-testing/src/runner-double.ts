import { randomUUID } from 'node:crypto';
import { parseEndpoint, Secret } from '@cloudscan/config';
import { scan } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import type { FailureReason } from '@cloudscan/domain';
import { failureReasonOnWire, findingDraftToWire, RpcClient, scanStatusOnWire, toolRunToWire } from '@cloudscan/grpc';
import { aFindingDraft, aToolRun } from '@cloudscan/testing';

/** What a runner that was started does. */
export type RunScript =
  /** Reports progress, sends so many findings, completes. */
  | { readonly kind: 'complete'; readonly findings: number }
  /** Reports progress, then that it failed, and why. */
  | { readonly kind: 'report'; readonly reason: FailureReason; readonly message: string }
  /** Reports progress and ends without a word. */
  | { readonly kind: 'exit'; readonly exitCode: number }
  /** Reports progress and goes on until it is stopped. */
  | { readonly kind: 'hang' };

/** As a shell would report SIGTERM. */
const stopped = 143;
/** An attempt that lost its standing, and an orchestrator that was away to the end; see the runner's README. */
const refused = 4;
const unreachable = 5;

const patient = { deadlineMs: 120_000, retries: 100 };
const nothing = { totalFindings: 0, findingsBySeverity: {}, errorMessage: '', failureReason: failureReasonOnWire.toWire(null) };

/**
 * What a runner says to the orchestrator, without a source and without scanners.
 *
 * @param environment that of the container
 * @param signal aborts when the container is to end
 * @returns the exit code
 */
export async function runDouble(environment: Readonly<Record<string, string>>, script: RunScript, signal: AbortSignal): Promise<number> {
  const endpoint = parseEndpoint(environment['ORCHESTRATOR_ENDPOINT'] ?? '');
  if (endpoint === null) return 2;
  using client = new RpcClient(scan.ScanServiceService, endpoint, { token: new Secret(environment['RUNNER_TOKEN'] ?? '') });
  const identity = { attempt: Number(environment['SCAN_ATTEMPT']), runId: randomUUID() };
  try {
    return await play(client, { id: environment['SCAN_ID']!, ...identity }, script, signal);
  } catch (error) {
    if (signal.aborted) return stopped;
    if (!(error instanceof DomainError)) throw error;
    return error.code === 'unavailable' || error.code === 'deadline_exceeded' ? unreachable : refused;
  }
}

interface Run {
  readonly id: string;
  readonly attempt: number;
  readonly runId: string;
}

async function play(client: RpcClient<typeof scan.ScanServiceService>, run: Run, script: RunScript, signal: AbortSignal): Promise<number> {
  const options = { ...patient, signal };
  const progress = { step: 'scan', percent: 10, message: '' };
  await client.call('updateScan', { ...run, ...nothing, status: scanStatusOnWire.toWire('running'), progress }, options);
  switch (script.kind) {
    case 'complete': {
      const { id: scanId, attempt, runId } = run;
      const findings = Array.from({ length: script.findings }, () => findingDraftToWire(aFindingDraft()));
      if (findings.length > 0) await client.call('createFindings', { scanId, attempt, runId, batchNumber: 1, findings }, options);
      const tools = [toolRunToWire(aToolRun({ findingsCount: script.findings }))];
      await client.call('completeScan', { ...run, resultsArtifactId: '', provenance: undefined, tools, findings: [] }, options);
      return 0;
    }
    case 'report': {
      const failure = { errorMessage: script.message, failureReason: failureReasonOnWire.toWire(script.reason) };
      const status = scanStatusOnWire.toWire('failed');
      await client.call('updateScan', { ...run, ...nothing, ...failure, status, progress: undefined }, options);
      return 3;
    }
    case 'exit':
      return script.exitCode;
    case 'hang':
      await aborted(signal);
      return stopped;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
