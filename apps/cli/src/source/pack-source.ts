import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Pack } from 'tar-stream';
import { UsageError } from '../exit-codes.ts';
import { collectFiles } from './collect-files.ts';
import type { SourceFile } from './collect-files.ts';

export interface PackedSource {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly fileCount: number;
  readonly skipped: readonly { readonly path: string; readonly why: string }[];
}

/**
 * Writes a folder as tar.gz, file by file and never a file whole in memory.
 *
 * @param onFile gets the number of files so far
 * @throws UsageError when the folder holds no file
 */
export async function packSource(
  root: string,
  archivePath: string,
  signal: AbortSignal,
  onFile: (count: number) => void,
): Promise<PackedSource> {
  const skipped: { path: string; why: string }[] = [];
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const archive = pack();
  let fileCount = 0;
  const fill = async (): Promise<void> => {
    for await (const file of collectFiles(root, { onSkipped: (path, why) => skipped.push({ path, why }) })) {
      signal.throwIfAborted();
      const problem = await addFile(archive, file, signal);
      if (problem === null) onFile((fileCount += 1));
      else skipped.push({ path: file.path, why: problem });
    }
    archive.finalize();
  };
  const written = pipeline(archive, createGzip({ level: 6 }), meter, createWriteStream(archivePath, { mode: 0o600 }), { signal });
  await Promise.all([written, fill().catch((error: Error) => archive.destroy(error))]);
  if (fileCount === 0) throw new UsageError(`${root} holds no file to scan`);
  return { path: archivePath, sizeBytes, sha256: hash.digest('hex'), fileCount, skipped };
}

/** Null when it was added; otherwise why it was left out. */
async function addFile(archive: Pack, file: SourceFile, signal: AbortSignal): Promise<string | null> {
  const content = createReadStream(file.location);
  try {
    await new Promise<void>((resolve, reject) => {
      content.once('open', () => resolve());
      content.once('error', reject);
    });
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
  const entry = archive.entry({ name: file.path, size: file.sizeBytes, mode: file.executable ? 0o755 : 0o644, mtime: file.modifiedAt });
  await pipeline(content, exactly(file.sizeBytes), entry, { signal });
  return null;
}

/** A file that grows or shrinks while it is read still fills its entry: cut, or padded with zeros. */
function exactly(sizeBytes: number): Transform {
  let left = sizeBytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      done(null, part);
    },
    flush(done) {
      const padding = Buffer.alloc(Math.min(left, 65_536));
      for (; left > 0; left -= padding.length) this.push(padding.subarray(0, left));
      done();
    },
  });
}
