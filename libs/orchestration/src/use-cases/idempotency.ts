import { createHash } from 'node:crypto';
import { DomainError } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import type { RequestReader } from '../input/request-reader.ts';
import type { Caller, UseCasePorts } from './ports.ts';

/** A caller's key, and what it stands for. */
export interface Idempotency {
  readonly key: string;
  readonly requestHash: string;
}

/** Null when the caller sent none. */
export function readIdempotencyKey(reader: RequestReader, key: string | null): string | null {
  if (key === null) return null;
  return reader.text('idempotency-key', key, {
    max: 255,
    required: true,
    form: { pattern: /^[\x21-\x7e]+$/, description: '1 to 255 printable ASCII characters without spaces' },
  });
}

/** The key stands for what was asked, whatever the spelling: the hash is of the request as it was understood. */
export function idempotencyOf(key: string | null, wanted: object): Idempotency | null {
  return key === null ? null : { key, requestHash: createHash('sha256').update(JSON.stringify(wanted)).digest('hex') };
}

/**
 * The scan that the key made; null when it made none.
 *
 * @throws already_exists for a key that another request used, or whose scan was deleted
 */
export async function findReplay({ scans }: UseCasePorts, { scope }: Caller, idempotency: Idempotency | null): Promise<Scan | null> {
  const record = idempotency === null ? null : await scans.findByIdempotencyKey(scope, idempotency.key);
  if (idempotency === null || record === null) return null;
  if (record.requestHash !== idempotency.requestHash) throw keyConflict(idempotency);
  if (record.scan === null) {
    throw new DomainError('already_exists', `the scan that idempotency key ${idempotency.key} made was deleted; use a new key`);
  }
  return record.scan;
}

export function keyConflict(idempotency: Idempotency | null): DomainError {
  return new DomainError('already_exists', `idempotency key ${idempotency?.key ?? ''} was used by another request; use a new key`);
}

/** A database that went away may have committed before: the scan may be there and need its artifact. */
export function mayHaveCommitted(error: unknown): boolean {
  return !(error instanceof DomainError) || error.code === 'unavailable' || error.code === 'internal';
}
