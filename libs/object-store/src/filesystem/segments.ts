import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ObjectStoreError } from '../errors.ts';
import type { ByteRange } from '../byte-range.ts';
import { hasCode } from './folders.ts';

/** A file that holds a stretch of an object: one for a single upload, one per part otherwise, so that nothing is ever copied. */
export interface Segment {
  readonly file: string;
  readonly sizeBytes: number;
}

const chunkBytes = 256 * 1024;

export function totalSize(segments: readonly Segment[]): number {
  return segments.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}

/**
 * The bytes of a range, or of everything. The first file is open when this resolves, so that an object that was deleted is
 * noticed before anything is answered; what is open can be read to its end all the same.
 *
 * @throws ObjectStoreError `not_found`
 */
export async function readSegments(
  folder: string,
  segments: readonly Segment[],
  range: ByteRange | null,
): Promise<AsyncGenerator<Uint8Array>> {
  const stretches = stretchesOf(segments, range);
  let next: FileHandle | null = stretches[0] === undefined ? null : await openSegment(join(folder, stretches[0].file));
  return (async function* () {
    for (const { file, start, end } of stretches) {
      const handle: FileHandle = next ?? (await openSegment(join(folder, file)));
      next = null;
      yield* createReadStream('', { fd: handle, start, end, highWaterMark: chunkBytes });
    }
  })();
}

/** Which bytes of which files make a range. */
function stretchesOf(segments: readonly Segment[], range: ByteRange | null): readonly (ByteRange & { readonly file: string })[] {
  const stretches = [];
  let offset = 0;
  for (const { file, sizeBytes } of segments) {
    const start = Math.max(range?.start ?? 0, offset);
    const end = Math.min(range?.end ?? Infinity, offset + sizeBytes - 1);
    if (start <= end) stretches.push({ file, start: start - offset, end: end - offset });
    offset += sizeBytes;
  }
  return stretches;
}

async function openSegment(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) throw new ObjectStoreError('not_found', 'there is no such object', error);
    throw error;
  }
}
