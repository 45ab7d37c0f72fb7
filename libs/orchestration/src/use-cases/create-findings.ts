import { createHash } from 'node:crypto';
import type { OrganizationScope } from '@cloudscan/auth';
import type { Finding, FindingDraft } from '@cloudscan/domain';
import { notFound } from '@cloudscan/domain';
import { readFindings } from '../input/findings.ts';
import type { GivenFinding } from '../input/findings.ts';
import { readRequest } from '../input/request-reader.ts';
import { readRunnerIdentity } from '../input/runner-identity.ts';
import type { GivenRunnerIdentity } from '../input/runner-identity.ts';
import { publishScan, refusal } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface CreateFindingsRequest extends GivenRunnerIdentity {
  readonly scanId: string;
  readonly findings: readonly GivenFinding[];
  /** Unique within the run, from 1; 0 from older runners. */
  readonly batchNumber: number;
}

/**
 * Adds a batch of findings to a run and answers how many it holds; a batch that was there already is not added again.
 *
 * @throws invalid_argument, not_found, failed_precondition when the scan is not active or at another attempt
 */
export async function createFindings(ports: UseCasePorts, caller: Caller, request: CreateFindingsRequest): Promise<number> {
  const batch = readRequest((reader) => {
    const batchNumber = reader.integer('batch_number', request.batchNumber, { min: 0, max: 2 ** 31 - 1 });
    if (batchNumber > 0 && request.runId === '') reader.wrong('run_id', 'is empty; a numbered batch belongs to a run');
    return {
      scanId: reader.id('scan_id', request.scanId),
      ...readRunnerIdentity(reader, request),
      batchNumber,
      findings: readFindings(reader, request.findings),
    };
  });
  const at = ports.clock.now();
  const result = await ports.scans.addFindings(caller.scope, {
    scanId: batch.scanId,
    attempt: batch.attempt,
    runId: batch.runId,
    batchKey: batch.batchNumber > 0 ? String(batch.batchNumber) : contentKey(batch.findings),
    findings: findingsOf(ports, caller.scope, batch, batch.findings, at),
    at,
  });
  switch (result.kind) {
    case 'added':
      publishScan(ports.events, result.scan);
      return result.count;
    case 'duplicate':
      return result.count;
    case 'refused':
      throw refusal(result, 'given findings');
    case 'not_found':
      throw notFound('scan', batch.scanId);
  }
}

/** Makes drafts a scan's own. The run of an older runner is known to the repository only, which fills it in. */
export function findingsOf(
  { newId }: UseCasePorts,
  { organizationId }: OrganizationScope,
  { scanId, runId }: { readonly scanId: string; readonly runId: string | null },
  drafts: readonly FindingDraft[],
  createdAt: Date,
): Finding[] {
  return drafts.map((draft) => ({ ...draft, id: newId(createdAt), scanId, organizationId, runId: runId ?? '', createdAt }));
}

/** Older runners do not number their batches: the same content is the same batch. */
function contentKey(findings: readonly FindingDraft[]): string {
  return createHash('sha256').update(JSON.stringify(findings)).digest('hex');
}
