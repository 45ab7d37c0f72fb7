import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { asDiskFull, ObjectStoreError } from '../errors.ts';
import type { ExpectedBytes } from '../object-store.ts';

/** Makes a new file to write into. */
export type CreateFile = (path: string) => Promise<FileHandle>;

export const createFile: CreateFile = (path) => open(path, 'wx', 0o600);

export interface ReceivedBytes {
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * Streams bytes into a new file and makes them durable. Never holds more than a chunk. What it leaves at `path` when it
 * throws is the caller's to discard.
 *
 * @throws ObjectStoreError `size_mismatch`, `too_large`, `checksum_mismatch`, `disk_full`, or what the source throws
 */
export async function receiveFile(
  path: string,
  source: AsyncIterable<Uint8Array>,
  expected: ExpectedBytes,
  create: CreateFile,
): Promise<ReceivedBytes> {
  const file = await create(path).catch((error: unknown) => {
    throw asDiskFull(error);
  });
  try {
    const received = await receive(file, source, expected);
    await file.sync();
    return received;
  } catch (error) {
    throw asDiskFull(error);
  } finally {
    await file.close();
  }
}

async function receive(file: FileHandle, source: AsyncIterable<Uint8Array>, expected: ExpectedBytes): Promise<ReceivedBytes> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    if (sizeBytes > (expected.sizeBytes ?? expected.maxBytes)) throw tooMany(expected);
    const written = writeFully(file, chunk);
    hash.update(chunk);
    await written;
  }
  const received = { sizeBytes, sha256: hash.digest('hex') };
  checkReceived(received, expected);
  return received;
}

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

function tooMany({ sizeBytes, maxBytes }: ExpectedBytes): ObjectStoreError {
  return sizeBytes === null
    ? new ObjectStoreError('too_large', `the upload has more than ${maxBytes} bytes, the most that is allowed`)
    : new ObjectStoreError('size_mismatch', `the upload has more than the ${sizeBytes} bytes that were declared`);
}

async function writeFully(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}
