import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { asDiskFull } from '../errors.ts';
import { checkReceived, tooMany } from '../expected-bytes.ts';
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

async function writeFully(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}
