import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readLines } from '../builtin/ndjson.ts';
import { asArray, asText, field } from '../inventory/untrusted.ts';
import { identifyAdvisoryFiles, readAdvisoryFiles } from './advisory-files.ts';
import type { PackageVersion } from './advisory-source.ts';
import { hashOf, parseAdvisory } from './osv.ts';
import type { Advisory } from './osv.ts';

/** Raised when what an index holds changes, so that older ones are built anew. */
const format = 1;
const bucketCount = 256;
/** Bytes that a bucket gathers before they are written: the building's memory is at most this times the buckets. */
const bucketBufferBytes = 32 * 1024;
const maxLineBytes = 64 * 1024 * 1024;
/** Milliseconds. A process may still read an index that a newer one has replaced. */
const keepReplacedMs = 24 * 60 * 60 * 1000;

/**
 * An advisory set on disk, sorted by package: files of lines `ecosystem TAB name TAB advisory as JSON`, each package in the
 * file that the hash of its name picks. Built once per state of the set, in memory that does not grow with it; a look-up reads
 * at most each file once.
 */
export interface AdvisoryIndex {
  readonly folder: string;
  readonly advisories: number;
  /** Files of the set that are not OSV records. */
  readonly unreadable: number;
}

interface Manifest {
  readonly format: number;
  readonly advisories: number;
  readonly unreadable: number;
  /** Bytes of each bucket. */
  readonly sizes: readonly number[];
}

/**
 * The index of an advisory set: the one in the cache folder when it is of the set's present state and whole, else a new one.
 * Two processes may build it at once; one of them wins and both use it.
 *
 * @throws when the set cannot be read or the cache folder cannot be written
 */
export async function openAdvisoryIndex(location: string, cacheDir: string): Promise<AdvisoryIndex> {
  const identity = createHash('sha256').update(String(format));
  for await (const line of identifyAdvisoryFiles(location)) identity.update(line);
  const prefix = `${hashOf(path.resolve(location)).slice(0, 16)}-`;
  const folder = path.join(cacheDir, `${prefix}${identity.digest('hex').slice(0, 16)}`);
  const existing = await readIndex(folder);
  if (existing !== null) return existing;
  await mkdir(cacheDir, { recursive: true });
  const building = `${folder}.${randomUUID()}`;
  try {
    await buildIndex(location, building);
    await putInPlace(building, folder);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  await removeReplaced(cacheDir, prefix, path.basename(folder));
  const built = await readIndex(folder);
  if (built === null) throw new Error(`the index in ${folder} changed while it was built`);
  return built;
}

/** Whoever comes second finds a whole index there and uses that; a damaged one makes room. */
async function putInPlace(building: string, folder: string): Promise<void> {
  for (;;) {
    try {
      await rename(building, folder);
      return;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    if ((await readIndex(folder)) !== null) return;
    const damaged = `${folder}.${randomUUID()}`;
    await rename(folder, damaged).catch(() => undefined);
    await rm(damaged, { recursive: true, force: true });
  }
}

/** Gives what the index holds about the packages that are asked for, whatever their version. */
export async function* lookUp(
  index: AdvisoryIndex,
  packages: Iterable<Pick<PackageVersion, 'ecosystem' | 'name'>>,
): AsyncGenerator<{ readonly ecosystem: string; readonly name: string; readonly advisory: Advisory }, void> {
  const wanted = new Map<number, Set<string>>();
  for (const { ecosystem, name } of packages) {
    const bucket = bucketOf(ecosystem, name);
    wanted.set(bucket, (wanted.get(bucket) ?? new Set()).add(`${ecosystem}\t${name}`));
  }
  for (const [bucket, names] of wanted) {
    for await (const line of readLines(createReadStream(bucketFile(index.folder, bucket)), maxLineBytes)) {
      const nameAt = line.indexOf('\t') + 1;
      const recordAt = line.indexOf('\t', nameAt) + 1;
      if (!names.has(line.slice(0, recordAt - 1))) continue;
      const advisory = JSON.parse(line.slice(recordAt)) as Advisory;
      yield { ecosystem: line.slice(0, nameAt - 1), name: line.slice(nameAt, recordAt - 1), advisory };
    }
  }
}

async function buildIndex(location: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const buckets = Array.from({ length: bucketCount }, (_, number) => new BucketWriter(bucketFile(folder, number)));
  let advisories = 0;
  let unreadable = 0;
  for await (const { text } of readAdvisoryFiles(location)) {
    const record = parseRecord(text);
    if (record === null) unreadable += 1;
    const advisory = parseAdvisory(record);
    if (advisory === null) continue;
    advisories += 1;
    for (const [packageKey, affected] of Map.groupBy(advisory.affected, ({ ecosystem, name }) => `${ecosystem}\t${name}`)) {
      const { ecosystem, name } = affected[0]!;
      if (/[\n\t]/.test(name)) continue;
      await buckets[bucketOf(ecosystem, name)]!.write(`${packageKey}\t${JSON.stringify({ ...advisory, affected })}\n`);
    }
  }
  const sizes: number[] = [];
  for (const bucket of buckets) sizes.push(await bucket.finish());
  const manifest: Manifest = { format, advisories, unreadable, sizes };
  await writeFile(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
}

class BucketWriter {
  readonly #file: string;
  #pending: string[] = [];
  #pendingBytes = 0;
  #bytes = 0;

  constructor(file: string) {
    this.#file = file;
  }

  async write(line: string): Promise<void> {
    this.#pending.push(line);
    this.#pendingBytes += Buffer.byteLength(line);
    if (this.#pendingBytes >= bucketBufferBytes) await this.#flush();
  }

  /** Gives the bucket's size in bytes. */
  async finish(): Promise<number> {
    await this.#flush();
    return this.#bytes;
  }

  async #flush(): Promise<void> {
    await appendFile(this.#file, this.#pending.join(''));
    this.#bytes += this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}

/** Null for what is not the JSON of an OSV record. */
function parseRecord(text: string): unknown {
  try {
    const record: unknown = JSON.parse(text);
    return asText(field(record, 'id')) === '' ? null : record;
  } catch {
    return null;
  }
}

/** Null when there is none, or it is damaged. */
async function readIndex(folder: string): Promise<AdvisoryIndex | null> {
  try {
    const manifest: unknown = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8'));
    const sizes = asArray(field(manifest, 'sizes'));
    if (field(manifest, 'format') !== format || sizes.length !== bucketCount) return null;
    for (const [bucket, size] of sizes.entries()) {
      if ((await stat(bucketFile(folder, bucket))).size !== size) return null;
    }
    return { folder, advisories: Number(field(manifest, 'advisories')), unreadable: Number(field(manifest, 'unreadable')) };
  } catch {
    return null;
  }
}

async function removeReplaced(cacheDir: string, prefix: string, current: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(prefix) || name === current) continue;
    const location = path.join(cacheDir, name);
    const modified = await stat(location).catch(() => null);
    if (modified !== null && Date.now() - modified.mtimeMs > keepReplacedMs) await rm(location, { recursive: true, force: true });
  }
}

function bucketFile(folder: string, bucket: number): string {
  return path.join(folder, `${bucket.toString(16).padStart(2, '0')}.ndjson`);
}

function bucketOf(ecosystem: string, name: string): number {
  return Number.parseInt(hashOf(ecosystem, name).slice(0, 2), 16);
}
