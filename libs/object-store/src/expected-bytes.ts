import { ObjectStoreError } from './errors.ts';
import type { ExpectedBytes } from './object-store.ts';

/** @throws ObjectStoreError `size_mismatch`, `too_large`, `checksum_mismatch` */
export function checkReceived(received: { readonly sizeBytes: number; readonly sha256: string | null }, expected: ExpectedBytes): void {
  const { sizeBytes, sha256 } = received;
  if (sizeBytes > (expected.sizeBytes ?? expected.maxBytes)) throw tooMany(expected);
  if (expected.sizeBytes !== null && sizeBytes !== expected.sizeBytes) {
    throw new ObjectStoreError('size_mismatch', `the upload has ${sizeBytes} bytes; ${expected.sizeBytes} were declared`);
  }
  if (expected.sha256 !== null && sha256 !== expected.sha256) {
    throw new ObjectStoreError('checksum_mismatch', 'the SHA-256 of the upload is not the declared one');
  }
}

export function tooMany({ sizeBytes, maxBytes }: ExpectedBytes): ObjectStoreError {
  return sizeBytes === null
    ? new ObjectStoreError('too_large', `the upload has more than ${maxBytes} bytes, the most that is allowed`)
    : new ObjectStoreError('size_mismatch', `the upload has more than the ${sizeBytes} bytes that were declared`);
}
