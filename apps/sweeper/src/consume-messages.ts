import { attestScan, deleteArtifactsOfScan } from '@cloudscan/orchestration';
import type { AttestationPorts, ScanQueue, StorageClient } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';

export interface ConsumerParts {
  readonly log: Logger;
  readonly queue: Pick<ScanQueue, 'consume'>;
  readonly storage: StorageClient;
  /** Null where no key is there to sign with. */
  readonly attestation: AttestationPorts | null;
  /** Messages of one queue at work at a time. */
  readonly concurrency: number;
}

/** Does what the ends and deletions of scans leave to be done. Answers what stops it. */
export async function consumeMessages({ log, queue, storage, attestation, concurrency }: ConsumerParts): Promise<() => Promise<void>> {
  if (attestation === null) log.warn({}, 'ATTESTATION_KEY is not set: scans get no attestation');
  const stops = await Promise.all([
    queue.consume('delete-artifacts', { concurrency }, async (message, signal) => {
      const deleted = await deleteArtifactsOfScan(storage, message, signal);
      log.info({ scanId: message.scanId, deleted }, 'artifacts deleted');
    }),
    queue.consume('attest', { concurrency }, async (message, signal) => {
      // Without a key they are dropped, or the scans of months would wait for one.
      if (attestation === null) return;
      const outcome = await attestScan(attestation, message, signal);
      if (outcome.kind === 'unattestable') log.warn(message, 'no attestation: the hash of the results is not known');
      else log.info({ ...message, ...outcome }, 'attested');
    }),
  ]);
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}
