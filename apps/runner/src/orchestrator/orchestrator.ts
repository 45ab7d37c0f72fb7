import { setTimeout as delay } from 'node:timers/promises';
import { scan as wire, storage } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import type { FailureReason, Progress, RunProvenance, ToolRun } from '@cloudscan/domain';
import { failureReasonOnWire, progressToWire, toolRunToWire } from '@cloudscan/grpc';
import type { CallOptions, RequestOf, ResponseOf, RpcClient } from '@cloudscan/grpc';
import type { Logger } from '@cloudscan/telemetry';
import { AttemptRefused, RunFailure } from '../run-failure.ts';

type Service = typeof wire.ScanServiceService;
type Method = 'updateScan' | 'createFindings' | 'completeScan' | 'getArtifact' | 'getUploadUrl';

/** Who calls: one attempt of one scan, and the run of it that this process is. */
export interface RunIdentity {
  readonly scanId: string;
  readonly attempt: number;
  /** Drawn by this process. */
  readonly runId: string;
}

export interface OrchestratorOptions {
  readonly client: Pick<RpcClient<Service>, 'call' | 'callEncoded'>;
  readonly identity: RunIdentity;
  readonly log: Logger;
  /** Milliseconds of the first pause between two tries; 200 by default. */
  readonly firstPauseMs?: number;
}

/** Milliseconds for one try. */
const callMs = 30_000;
const maxPauseMs = 10_000;
/** How often a fault of the server is met with another try. An absent server is tried for as long as the run may last. */
const maxFaults = 5;

/**
 * What a run says to the orchestrator. A server that is away is waited for, until the caller's signal aborts; every call is safe to
 * repeat. Throws {@link AttemptRefused} where the attempt has lost its standing, and the signal's reason where that aborts.
 */
export class Orchestrator {
  readonly #client: Pick<RpcClient<Service>, 'call' | 'callEncoded'>;
  readonly #identity: RunIdentity;
  readonly #log: Logger;
  readonly #firstPauseMs: number;

  constructor({ client, identity, log, firstPauseMs = 200 }: OrchestratorOptions) {
    this.#client = client;
    this.#identity = identity;
    this.#log = log;
    this.#firstPauseMs = firstPauseMs;
  }

  /** Says that the run lives and how far it has come. The first one makes the scan running. */
  async reportProgress(progress: Progress, signal: AbortSignal): Promise<void> {
    await this.#call('updateScan', this.#update(wire.ScanStatus.RUNNING, { progress: progressToWire(progress) }), signal);
  }

  async reportFailure(reason: FailureReason, message: string, signal: AbortSignal): Promise<void> {
    const failureReason = failureReasonOnWire.toWire(reason);
    await this.#call('updateScan', this.#update(wire.ScanStatus.FAILED, { failureReason, errorMessage: message }), signal);
  }

  /**
   * @param batchNumber from 1; sent again, a batch counts once
   * @param findings the field `findings` of CreateFindingsRequest, encoded
   */
  async createFindings(batchNumber: number, findings: Buffer, signal: AbortSignal): Promise<void> {
    // Encoded messages one behind the other are one message with the fields of all (Protocol Buffers, "Last One Wins").
    const rest = wire.CreateFindingsRequest.encode({ ...this.#identity, batchNumber, findings: [] }).finish();
    const request = Buffer.concat([rest, findings]);
    await this.#again('createFindings', (options) => this.#client.callEncoded('createFindings', request, options), signal);
  }

  async complete(resultsArtifactId: string, tools: readonly ToolRun[], provenance: RunProvenance, signal: AbortSignal): Promise<void> {
    const { scanId: id, attempt, runId } = this.#identity;
    const run = { id, attempt, runId, resultsArtifactId, provenance };
    await this.#call('completeScan', { ...run, tools: tools.map(toolRunToWire), findings: [] }, signal);
  }

  /** Each time with a fresh URL. @throws RunFailure `source_missing` when there is no such artifact */
  async sourceArtifact(id: string, signal: AbortSignal): Promise<wire.GetArtifactResponse> {
    try {
      return await this.#call('getArtifact', { id }, signal);
    } catch (error) {
      if (error instanceof DomainError && error.code === 'not_found')
        throw new RunFailure('source_missing', 'the uploaded source is gone; upload it again', error);
      throw error;
    }
  }

  /** Each time a fresh artifact and URL. */
  async resultsUpload(sizeBytes: number, sha256: string, signal: AbortSignal): Promise<wire.GetUploadURLResponse> {
    const { scanId, attempt } = this.#identity;
    const type = storage.ArtifactType.SCAN_RESULTS;
    const file = { filename: 'results.sarif', contentType: 'application/sarif+json' };
    return await this.#call('getUploadUrl', { scanId, attempt, type, ...file, sizeBytes: BigInt(sizeBytes), sha256 }, signal);
  }

  #update(status: wire.ScanStatus, rest: Partial<wire.UpdateScanRequest>): wire.UpdateScanRequest {
    const { scanId: id, attempt, runId } = this.#identity;
    const nothing = {
      totalFindings: 0,
      findingsBySeverity: {},
      errorMessage: '',
      progress: undefined,
      failureReason: failureReasonOnWire.toWire(null),
    };
    return { id, attempt, runId, status, ...nothing, ...rest };
  }

  #call<Name extends Method>(name: Name, request: RequestOf<Service[Name]>, signal: AbortSignal): Promise<ResponseOf<Service[Name]>> {
    return this.#again(name, (options) => this.#client.call(name, request, options), signal);
  }

  async #again<Response>(name: Method, call: (options: CallOptions) => Promise<Response>, signal: AbortSignal): Promise<Response> {
    for (let attempt = 0, faults = 0; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await call({ deadlineMs: callMs, signal });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof DomainError)) throw error;
        if (error.code === 'internal') faults += 1;
        this.#judge(name, error, faults);
        const pauseMs = error.retryAfterMs ?? Math.min(this.#firstPauseMs * 2 ** attempt, maxPauseMs) * (0.5 + Math.random());
        this.#log.warn({ call: name, code: error.code, pauseMs: Math.round(pauseMs) }, 'the orchestrator did not answer; trying again');
        await delay(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }

  /** Throws where another try is of no use. */
  #judge(name: Method, error: DomainError, faults: number): void {
    switch (error.code) {
      case 'unavailable':
      case 'deadline_exceeded':
      case 'cancelled':
        return;
      case 'resource_exhausted':
        // A refusal that says when to come again is about load; one that does not is about a quota, which time does not mend.
        if (name !== 'getUploadUrl' || error.retryAfterMs !== undefined) return;
        throw new RunFailure('quota', error.message, error);
      case 'internal':
        if (faults < maxFaults) return;
        throw new RunFailure('internal', `the orchestrator failed at ${name} again and again; see its log`, error);
      case 'failed_precondition':
        throw new AttemptRefused(error.message);
      case 'not_found':
        throw name === 'getArtifact' ? error : new AttemptRefused(error.message);
      case 'invalid_argument':
      case 'already_exists':
      case 'unauthenticated':
      case 'permission_denied':
      case 'unimplemented':
        throw new RunFailure('internal', `the orchestrator refused ${name}: ${error.message}`, error);
    }
  }
}
