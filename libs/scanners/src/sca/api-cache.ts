import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { asArray, asText, field } from '../inventory/untrusted.ts';
import type { PackageVersion } from './advisory-source.ts';
import { hashOf } from './osv.ts';

/** Milliseconds after which a file that nobody wrote anew is removed. */
const keepMs = 30 * 24 * 60 * 60 * 1000;
/** Milliseconds between two looks for such files. */
const pruneIntervalMs = 24 * 60 * 60 * 1000;

/** That an advisory touches a package version, and which state of the advisory. */
export interface AdvisoryReference {
  readonly id: string;
  /** ISO 8601; another time is another state. */
  readonly modified: string;
}

/**
 * What an OSV server answered, on disk, a file each. A file that is damaged, or cannot be read or written, is as if it were
 * not there: the cache saves requests and decides nothing.
 */
export class ApiCache {
  readonly #folder: string;
  readonly #ttlMs: number;
  readonly #now: () => number;

  /** @param ttlMs how long an answer about a package holds, in milliseconds */
  constructor(folder: string, ttlMs: number, now: () => number) {
    this.#folder = folder;
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** What the server last said about a package version; null when that is not known or too old. */
  async references(item: PackageVersion): Promise<AdvisoryReference[] | null> {
    const entry = await this.#read(this.#packageFile(item));
    const fetchedAt = field(entry, 'fetchedAt');
    const references = field(entry, 'references');
    const age = this.#now() - (typeof fetchedAt === 'number' ? fetchedAt : 0);
    if (age < 0 || age >= this.#ttlMs || !Array.isArray(references)) return null;
    return asArray(references).map((reference) => ({ id: asText(field(reference, 'id')), modified: asText(field(reference, 'modified')) }));
  }

  async putReferences(item: PackageVersion, references: readonly AdvisoryReference[]): Promise<void> {
    await this.#write(this.#packageFile(item), { fetchedAt: this.#now(), references });
  }

  /** The OSV record of an advisory, in the state that the reference names; null when it is not here. */
  async record(reference: AdvisoryReference): Promise<unknown> {
    const record = await this.#read(this.#recordFile(reference.id));
    return field(record, 'id') === reference.id && field(record, 'modified') === reference.modified ? record : null;
  }

  async putRecord(id: string, record: unknown): Promise<void> {
    await this.#write(this.#recordFile(id), record);
  }

  /** Removes what nobody wrote for 30 days; looks once a day. */
  async prune(): Promise<void> {
    const marker = path.join(this.#folder, 'pruned');
    const last = await stat(marker).catch(() => null);
    if (last !== null && this.#now() - last.mtimeMs < pruneIntervalMs) return;
    await this.#write(marker, {});
    const names = await readdir(this.#folder, { recursive: true }).catch(() => []);
    for (const name of names.filter((candidate) => candidate.endsWith('.json'))) {
      const location = path.join(this.#folder, name);
      const file = await stat(location).catch(() => null);
      if (file !== null && this.#now() - file.mtimeMs > keepMs) await rm(location, { force: true });
    }
  }

  #packageFile({ ecosystem, name, version }: PackageVersion): string {
    return this.#file('packages', hashOf(ecosystem, name, version));
  }

  #recordFile(id: string): string {
    return this.#file('records', hashOf(id));
  }

  #file(kind: string, hash: string): string {
    return path.join(this.#folder, kind, hash.slice(0, 2), `${hash}.json`);
  }

  async #read(file: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as unknown;
    } catch {
      return null;
    }
  }

  async #write(file: string, value: unknown): Promise<void> {
    const unfinished = `${file}.${randomUUID()}`;
    try {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(unfinished, JSON.stringify(value));
      await rename(unfinished, file);
    } catch {
      await rm(unfinished, { force: true }).catch(() => undefined);
    }
  }
}
