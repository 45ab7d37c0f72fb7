import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import yauzl from 'yauzl';
import type { Entry } from 'yauzl';
import type { UnpackLimits } from '../config.ts';
import { RunFailure } from '../run-failure.ts';
import { TreeWriter } from './tree-writer.ts';
import type { UnpackReport } from './tree-writer.ts';
import { UnpackBudget } from './unpack-budget.ts';

export interface UnpackOptions {
  readonly limits: UnpackLimits;
  readonly signal: AbortSignal;
  /** 0 to 1. */
  readonly onProgress: (fraction: number) => void;
}

/**
 * Unpacks a zip, a tar.gz or a tar below a folder that exists and is empty, whatever its name says. Memory stays bounded.
 *
 * @throws RunFailure `source_invalid` for what is none of these, is damaged, or goes beyond the limits
 */
export async function unpack(archive: string, folder: string, options: UnpackOptions): Promise<UnpackReport> {
  const { size } = await stat(archive);
  const budget = new UnpackBudget(options.limits, size);
  const tree = new TreeWriter(folder, budget);
  try {
    switch (await formatOf(archive)) {
      case 'zip':
        await unpackZip(archive, size, tree, options);
        break;
      case 'tar.gz':
        await unpackTar(archive, size, tree, budget, options, true);
        break;
      case 'tar':
        await unpackTar(archive, size, tree, budget, options, false);
        break;
    }
    return await tree.finish();
  } catch (error) {
    options.signal.throwIfAborted();
    throw asRunFailure(error);
  }
}

/** By the first bytes: gzip (RFC 1952), zip (its local header, or the end record of an empty one), tar (POSIX `ustar` at 257). */
async function formatOf(archive: string): Promise<'zip' | 'tar.gz' | 'tar'> {
  await using file = await open(archive);
  const head = Buffer.alloc(512);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  const magic = bytesRead < 4 ? '' : head.toString('latin1', 0, 4);
  if (magic.startsWith('\x1f\x8b')) return 'tar.gz';
  if (magic === 'PK\x03\x04' || magic === 'PK\x05\x06') return 'zip';
  if (head.toString('latin1', 257, 262) === 'ustar') return 'tar';
  throw new RunFailure('source_invalid', 'the source is neither a zip nor a tar.gz; pack it as one of these');
}

async function unpackTar(
  archive: string,
  size: number,
  tree: TreeWriter,
  budget: UnpackBudget,
  options: UnpackOptions,
  gzipped: boolean,
): Promise<void> {
  const entries = extract();
  let read = 0;
  const source = createReadStream(archive, { highWaterMark: 256 * 1024 });
  source.on('data', (chunk) => {
    read += chunk.length;
    options.onProgress(read / size);
  });
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    for await (const chunk of chunks) {
      budget.addRawBytes(chunk.length);
      yield chunk;
    }
  }
  // A streamx stream, which keeps to the interface without having the type.
  const sink = entries as unknown as NodeJS.WritableStream;
  const { signal } = options;
  const feeding = gzipped
    ? pipeline(source, createGunzip({ chunkSize: 256 * 1024 }), counted, sink, { signal })
    : pipeline(source, counted, sink, { signal });
  // The loop below ends with the same error.
  feeding.catch(() => undefined);
  try {
    for await (const entry of entries) {
      const { type, name, size: declared = 0 } = entry.header;
      if (type === 'file' || type === 'contiguous-file') await tree.addFile(name, declared, entry as AsyncIterable<Buffer>);
      else if (type === 'directory') await tree.addFolder(name);
      else tree.skipSpecial();
      entry.resume();
    }
  } finally {
    entries.destroy();
  }
  await feeding;
}

async function unpackZip(archive: string, size: number, tree: TreeWriter, { signal, onProgress }: UnpackOptions): Promise<void> {
  const zip = await yauzl.openPromise(archive, { autoClose: false, validateEntrySizes: true });
  let read = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      read += entry.compressedSize;
      onProgress(read / size);
      const kind = kindOf(entry);
      if (kind === 'folder') await tree.addFolder(entry.fileName);
      else if (kind === 'special') tree.skipSpecial();
      else await tree.addFile(entry.fileName, entry.uncompressedSize, await openEntry(zip, entry));
    }
  } finally {
    zip.close();
  }
}

async function openEntry(zip: yauzl.ZipFile, entry: Entry): Promise<Readable> {
  if (entry.isEncrypted()) throw new RunFailure('source_invalid', 'the source is encrypted; pack it without a password');
  return await zip.openReadStreamPromise(entry);
}

/** By the Unix mode where the archive was made on Unix (APPNOTE 4.4.2 and 4.4.15), else by the trailing slash. */
function kindOf(entry: Entry): 'file' | 'folder' | 'special' {
  const madeOnUnix = entry.versionMadeBy >>> 8 === 3;
  const type = madeOnUnix ? (entry.externalFileAttributes >>> 16) & 0o170000 : 0;
  if (entry.fileName.endsWith('/')) return 'folder';
  switch (type) {
    case 0:
    case 0o100000:
      return 'file';
    case 0o040000:
      return 'folder';
    default:
      return 'special';
  }
}

/** What the libraries throw for a damaged archive has no common type; what the system throws has a code of its own. */
function asRunFailure(error: unknown): unknown {
  const systemError =
    typeof (error as NodeJS.ErrnoException).errno === 'number' && !/^Z_/.test((error as NodeJS.ErrnoException).code ?? '');
  if (error instanceof RunFailure || systemError) return error;
  return new RunFailure('source_invalid', `the source's archive is damaged (${(error as Error).message}); pack and upload it again`, error);
}
