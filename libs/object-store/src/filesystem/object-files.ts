import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ByteRange } from '../byte-range.ts';
import { asDiskFull, ObjectStoreError } from '../errors.ts';
import type { ExpectedBytes, ListedObject, ObjectInfo } from '../object-store.ts';
import { hasCode, namesIn, syncFolder } from './folders.ts';
import type { Folders } from './folders.ts';
import { receiveFile } from './receive.ts';
import type { CreateFile } from './receive.ts';
import { readSegments } from './segments.ts';
import type { Segment } from './segments.ts';

export interface StoredObject extends ObjectInfo {
  readonly segments: readonly Segment[];
  /** The multipart upload that it came from. */
  readonly uploadId: string | null;
}

const manifestName = 'object.json';
const anyBytes: ExpectedBytes = { sizeBytes: null, maxBytes: Infinity, sha256: null };

/** Objects as folders: a manifest and its segments, put in place by one rename. */
export class ObjectFiles {
  readonly #folders: Folders;
  readonly #create: CreateFile;

  constructor(folders: Folders, create: CreateFile) {
    this.#folders = folders;
    this.#create = create;
  }

  /** Receives one upload; leaves nothing when it throws. */
  async put(key: string, source: AsyncIterable<Uint8Array>, expected: ExpectedBytes): Promise<StoredObject> {
    const folder = await this.#folders.newIncoming();
    try {
      const { sizeBytes, sha256 } = await receiveFile(join(folder, 'bytes'), source, expected, this.#create);
      const segments = [{ file: 'bytes', sizeBytes }];
      return await this.publish(folder, { key, sizeBytes, sha256, etag: sha256, createdAt: new Date(), segments, uploadId: null });
    } catch (error) {
      await this.#folders.discard(folder);
      throw error;
    }
  }

  /**
   * Makes a folder of segments the object of its key. An object that is there already stays; the folder is discarded when it
   * holds the same bytes.
   *
   * @throws ObjectStoreError `conflict` when other bytes are there, `broken_upload` when the folder was taken away
   */
  async publish(folder: string, object: StoredObject): Promise<StoredObject> {
    const { shard, folder: target } = this.#folders.objectOf(object.key);
    for (let left = 5; ; left -= 1) {
      try {
        await this.#writeManifest(folder, object);
        if ((await mkdir(shard, { recursive: true })) !== undefined)
          await Promise.all([dirname(shard), this.#folders.objects].map(syncFolder));
        // A folder cannot replace one that holds files (rename(2)), so the first to get here wins.
        await rename(folder, target);
        await syncFolder(shard);
        return object;
      } catch (error) {
        if (hasCode(error, 'ENOENT')) throw new ObjectStoreError('broken_upload', 'the upload was given up meanwhile', error);
        if (left === 0 || !hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw asDiskFull(error);
      }
      const existing = await this.read(object.key);
      // It was deleted between the two.
      if (existing === null) continue;
      if (existing.etag !== object.etag)
        throw new ObjectStoreError('conflict', 'other bytes were uploaded here before; objects never change');
      await this.#folders.discard(folder);
      return existing;
    }
  }

  /** Null when there is none. */
  read(key: string): Promise<StoredObject | null> {
    return readManifest(this.#folders.objectOf(key).folder);
  }

  /** The bytes of a range, or of the whole. @throws ObjectStoreError `not_found` when it was deleted meanwhile */
  openBytes({ key, segments }: StoredObject, range: ByteRange | null): Promise<AsyncGenerator<Uint8Array>> {
    return readSegments(this.#folders.objectOf(key).folder, segments, range);
  }

  /** False when there was none. */
  delete(key: string): Promise<boolean> {
    return this.#folders.discard(this.#folders.objectOf(key).folder);
  }

  async *list(signal: AbortSignal): AsyncGenerator<ListedObject> {
    for (const outer of await readdir(this.#folders.objects)) {
      for (const inner of await namesIn(join(this.#folders.objects, outer))) {
        const shard = join(this.#folders.objects, outer, inner);
        for (const name of await namesIn(shard)) {
          signal.throwIfAborted();
          const object = await readManifest(join(shard, name));
          if (object !== null) yield { key: object.key, createdAt: object.createdAt };
        }
      }
    }
  }

  async #writeManifest(folder: string, object: StoredObject): Promise<void> {
    const path = join(folder, manifestName);
    const text = Buffer.from(JSON.stringify({ format: 1, ...object }));
    await rm(path, { force: true });
    await receiveFile(path, oneChunk(text), anyBytes, this.#create);
    await syncFolder(folder);
  }
}

async function readManifest(folder: string): Promise<StoredObject | null> {
  try {
    const object = JSON.parse(await readFile(join(folder, manifestName), 'utf8')) as StoredObject & { readonly createdAt: string };
    return { ...object, createdAt: new Date(object.createdAt) };
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
