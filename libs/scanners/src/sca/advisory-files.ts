import { createReadStream } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import yauzl from 'yauzl';

/** Bytes. The largest OSV records have a few MiB. */
const maxRecordBytes = 32 * 1024 * 1024;

/** One JSON file of an advisory set. */
export interface AdvisoryFile {
  readonly name: string;
  readonly text: string;
}

/** Whether a path is of a form that {@link readAdvisoryFiles} knows, by its name alone. */
export function isAdvisoryArchive(location: string): boolean {
  return /\.(zip|tar\.gz|tgz)$/.test(location);
}

/** The JSON files of a folder tree, a .zip or a .tar.gz, one at a time. */
export async function* readAdvisoryFiles(location: string): AsyncGenerator<AdvisoryFile, void> {
  if (location.endsWith('.zip')) yield* readZip(location);
  else if (isAdvisoryArchive(location)) yield* readTarGz(location);
  else yield* readFolder(location);
}

/**
 * What tells one state of an advisory set from another: names, sizes and times of its files. An archive is one file.
 *
 * @throws when the set cannot be read
 */
export async function* identifyAdvisoryFiles(location: string): AsyncGenerator<string, void> {
  const files = (await stat(location)).isDirectory() ? walk(location) : [location];
  for await (const file of files) {
    const { size, mtimeMs } = await stat(file);
    yield `${path.relative(location, file)}\t${size}\t${mtimeMs}\n`;
  }
}

async function* readFolder(folder: string): AsyncGenerator<AdvisoryFile, void> {
  for await (const file of walk(folder)) {
    const { size } = await stat(file);
    const name = path.relative(folder, file);
    checkSize(name, size);
    yield { name, text: await readFile(file, 'utf8') };
  }
}

async function* walk(folder: string): AsyncGenerator<string, void> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const location = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(location);
    else if (entry.isFile() && entry.name.endsWith('.json')) yield location;
  }
}

async function* readTarGz(location: string): AsyncGenerator<AdvisoryFile, void> {
  const source = createReadStream(location);
  const gunzip = createGunzip();
  const archive = extract();
  source.on('error', (error) => gunzip.destroy(error));
  gunzip.on('error', (error) => archive.destroy(error));
  source.pipe(gunzip).pipe(archive);
  try {
    for await (const entry of archive) {
      const { name, type, size = 0 } = entry.header;
      if (type !== 'file' || !name.endsWith('.json')) {
        entry.resume();
        continue;
      }
      checkSize(name, size);
      yield { name, text: await text(entry) };
    }
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function* readZip(location: string): AsyncGenerator<AdvisoryFile, void> {
  const archive = await yauzl.openPromise(location, { autoClose: false });
  try {
    for await (const entry of archive.eachEntry()) {
      if (!entry.fileName.endsWith('.json')) continue;
      checkSize(entry.fileName, entry.uncompressedSize);
      yield { name: entry.fileName, text: await text(await archive.openReadStreamPromise(entry)) };
    }
  } finally {
    archive.close();
  }
}

/** The archives' readers hold a member to the size that its header states. */
function checkSize(name: string, size: number): void {
  if (size > maxRecordBytes) throw new Error(`${name} is larger than ${maxRecordBytes / 1024 / 1024} MiB`);
}
