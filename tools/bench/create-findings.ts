import { randomUUID } from 'node:crypto';
import { scan as wire } from '@cloudscan/contracts';
import { findingDraftToWire } from '@cloudscan/grpc';
import type { ClusterRig } from '@cloudscan/system-testing';
import { aFindingDraft } from '@cloudscan/testing';

const perBatch = 1000;
/** Batches under way at a time, as of a runner. */
const lanes = 3;
/** Sent over and over under new numbers, so that the client does next to nothing. */
const distinctBatches = 10;

/**
 * Calls CreateFindings as a runner does, with batches that are encoded already.
 *
 * @param scanId of a scan that was admitted
 * @param count how many findings; whole thousands
 * @returns seconds from the first call to the last answer
 */
export async function createFindings({ client }: ClusterRig, scanId: string, count: number): Promise<number> {
  const run = { scanId, attempt: 1, runId: randomUUID() };
  await client.scans.call('updateScan', wire.UpdateScanRequest.fromPartial({ id: scanId, ...run, status: wire.ScanStatus.RUNNING }));
  const batches = Array.from({ length: distinctBatches }, (_, index) => encodedFindings(index));
  const last = Math.ceil(count / perBatch);
  let next = 1;
  const send = async (): Promise<void> => {
    while (next <= last) {
      const batchNumber = next;
      next += 1;
      const head = wire.CreateFindingsRequest.encode({ ...run, batchNumber, findings: [] }).finish();
      const request = Buffer.concat([head, batches[batchNumber % distinctBatches]!]);
      await client.scans.callEncoded('createFindings', request, { deadlineMs: 60_000 });
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: lanes }, send));
  return (performance.now() - startedAt) / 1000;
}

/** The field `findings` of one batch. */
function encodedFindings(batch: number): Uint8Array {
  const findings = Array.from({ length: perBatch }, (_, index) => {
    const name = `${batch * perBatch + index}`;
    return findingDraftToWire(
      aFindingDraft({
        ruleId: `bench/rule-${index % 200}`,
        description: `The value of request.query.id${name} reaches database.query() without being bound as a parameter of the statement.`,
        filePath: `services/module-${batch}/handlers/handler-${index % 100}.js`,
        codeSnippet: `    await database.query('SELECT * FROM accounts WHERE id = ' + request.query.id${name});`,
        fingerprint: name.padStart(32, '0'),
      }),
    );
  });
  return wire.CreateFindingsRequest.encode({ scanId: '', attempt: 0, runId: '', batchNumber: 0, findings }).finish();
}
