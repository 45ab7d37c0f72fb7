import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUuid } from '@cloudscan/domain';
import { asDiskFull, ObjectStoreError } from '../errors.ts';
import { checkReceived } from '../expected-bytes.ts';
import type { CompletedPart, ExpectedBytes } from '../object-store.ts';
import { inPartOrder } from '../part-number.ts';
import { hasCode, namesIn, syncFolder } from './folders.ts';
import type { Folders } from './folders.ts';
import type { ObjectFiles, StoredObject } from './object-files.ts';
import { receiveFile } from './receive.ts';
import type { CreateFile } from './receive.ts';
import { readSegments, totalSize } from './segments.ts';
import type { Segment } from './segments.ts';

interface Part extends Segment {
  readonly partNumber: number;
  readonly sha256: string;
}

const keyFile = 'key';
/** Added to an upload's folder while it is being completed: no part comes or goes then. */
const sealedSuffix = '.sealed';

/** Multipart uploads as folders of parts, each named by its number, size and SHA-256. Completing moves files and copies none. */
export class MultipartFiles {
  readonly #folders: Folders;
  readonly #objects: ObjectFiles;
  readonly #create: CreateFile;
  readonly #completing = new Map<string, Promise<StoredObject>>();

  constructor(folders: Folders, objects: ObjectFiles, create: CreateFile) {
    this.#folders = folders;
    this.#objects = objects;
    this.#create = create;
  }

  async initiate(key: string): Promise<string> {
    const uploadId = randomUUID();
    const draft = await this.#folders.newIncoming();
    try {
      await writeFile(join(draft, keyFile), key);
      await rename(draft, this.#folderOf(uploadId));
    } catch (error) {
      await this.#folders.discard(draft);
      throw asDiskFull(error);
    }
    return uploadId;
  }

  /**
   * Receives a part and answers its ETag; a part that has the same number is replaced.
   *
   * @param maxBytes the most that all parts may have together
   */
  async putPart(key: string, uploadId: string, partNumber: number, source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
    const folder = this.#folderOf(uploadId);
    await requireUpload(folder, key);
    const others = (await partsIn(folder)).filter((part) => part.partNumber !== partNumber);
    const room = Math.max(0, maxBytes - totalSize(others));
    const draft = await this.#folders.newIncoming();
    try {
      const expected = { sizeBytes: null, maxBytes: room, sha256: null };
      const { sizeBytes, sha256 } = await receiveFile(join(draft, 'bytes'), source, expected, this.#create);
      const name = `${partNumber}-${sizeBytes}-${sha256}`;
      await rename(join(draft, 'bytes'), join(folder, name));
      await syncFolder(folder);
      await removeParts(folder, (part) => part.partNumber === partNumber && part.file !== name);
      return sha256;
    } catch (error) {
      throw hasCode(error, 'ENOENT') ? uploadNotFound(error) : error;
    } finally {
      await this.#folders.discard(draft);
    }
  }

  /**
   * Makes the named parts the object. A caller that comes again meanwhile gets the same answer, so that reading a large upload
   * for its SHA-256 outlives the deadline of one call.
   */
  complete(key: string, uploadId: string, parts: readonly CompletedPart[], expected: ExpectedBytes): Promise<StoredObject> {
    const running = this.#completing.get(uploadId);
    if (running !== undefined) return running;
    const completing = this.#complete(key, uploadId, parts, expected).finally(() => this.#completing.delete(uploadId));
    this.#completing.set(uploadId, completing);
    return completing;
  }

  /** Nothing happens when there is no such upload of this key. */
  async abort(key: string, uploadId: string): Promise<void> {
    if (!isUuid(uploadId)) return;
    const folder = this.#folderOf(uploadId);
    for (const path of [folder, folder + sealedSuffix]) {
      if ((await keyOf(path)) === key) await this.#folders.discard(path);
    }
  }

  async #complete(key: string, uploadId: string, named: readonly CompletedPart[], expected: ExpectedBytes): Promise<StoredObject> {
    const earlier = await this.#objects.read(key);
    if (earlier?.uploadId === uploadId) return earlier;
    const folder = this.#folderOf(uploadId);
    const sealed = folder + sealedSuffix;
    // Where a completion was broken off, the folder is sealed already.
    await rename(folder, sealed).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
    });
    await requireUpload(sealed, key);
    try {
      const object = await assemble(sealed, key, uploadId, named, expected);
      const kept = new Set(object.segments.map(({ file }) => file));
      await removeParts(sealed, ({ file }) => !kept.has(file));
      return await this.#objects.publish(sealed, object);
    } catch (error) {
      await rename(sealed, folder).catch(() => undefined);
      throw error;
    }
  }

  #folderOf(uploadId: string): string {
    if (!isUuid(uploadId)) throw uploadNotFound();
    return join(this.#folders.multipart, uploadId);
  }
}

/** Checks the parts against what was named and what the upload has to be. */
async function assemble(
  folder: string,
  key: string,
  uploadId: string,
  named: readonly CompletedPart[],
  expected: ExpectedBytes,
): Promise<StoredObject> {
  const parts = chooseParts(await partsIn(folder), named);
  const sizeBytes = totalSize(parts);
  checkReceived({ sizeBytes, sha256: null }, { ...expected, sha256: null });
  const sha256 = expected.sha256 === null ? null : await hashOf(folder, parts);
  checkReceived({ sizeBytes, sha256 }, expected);
  const segments = parts.map((part) => ({ file: part.file, sizeBytes: part.sizeBytes }));
  return { key, sizeBytes, sha256, etag: etagOf(parts), createdAt: new Date(), segments, uploadId };
}

function chooseParts(present: readonly Part[], named: readonly CompletedPart[]): readonly Part[] {
  const byName = new Map(present.map((part) => [`${part.partNumber} ${part.sha256}`, part]));
  return inPartOrder(named).map(({ partNumber, etag }) => {
    const part = byName.get(`${partNumber} ${etag.replaceAll('"', '').toLowerCase()}`);
    if (part === undefined) throw new ObjectStoreError('invalid_part', `part ${partNumber} was not uploaded with this ETag`);
    return part;
  });
}

/** As S3 does: not the hash of the bytes, and visibly so. */
function etagOf(parts: readonly Part[]): string {
  const hash = createHash('sha256');
  for (const { sha256 } of parts) hash.update(sha256, 'hex');
  return `${hash.digest('hex')}-${parts.length}`;
}

async function hashOf(folder: string, parts: readonly Part[]): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await readSegments(folder, parts, null)) hash.update(chunk);
  return hash.digest('hex');
}

async function partsIn(folder: string): Promise<readonly Part[]> {
  const parts = [];
  for (const file of await namesIn(folder)) {
    const match = /^(\d+)-(\d+)-([0-9a-f]{64})$/.exec(file);
    if (match !== null) parts.push({ file, partNumber: Number(match[1]), sizeBytes: Number(match[2]), sha256: match[3]! });
  }
  return parts;
}

async function removeParts(folder: string, which: (part: Part) => boolean): Promise<void> {
  for (const part of await partsIn(folder)) if (which(part)) await rm(join(folder, part.file), { force: true });
}

async function requireUpload(folder: string, key: string): Promise<void> {
  if ((await keyOf(folder)) !== key) throw uploadNotFound();
}

async function keyOf(folder: string): Promise<string | null> {
  try {
    return await readFile(join(folder, keyFile), 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

function uploadNotFound(cause?: unknown): ObjectStoreError {
  return new ObjectStoreError('upload_not_found', 'there is no such multipart upload; it was completed, aborted or given up', cause);
}
