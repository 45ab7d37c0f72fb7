import { join } from 'node:path';
import type { Secret } from '@cloudscan/config';
import { ObjectStoreError } from '../errors.ts';
import { requirePartNumber } from '../part-number.ts';
import type {
  AbandonedCutoffs,
  CompletedPart,
  ExpectedBytes,
  ListedObject,
  ObjectInfo,
  ObjectStore,
  PresignedPut,
  PresignedUrl,
  PresignGetRequest,
  PresignPartRequest,
  PresignPutRequest,
} from '../object-store.ts';
import { sha256Of } from '../sha256.ts';
import { Folders, lastChange, namesIn } from './folders.ts';
import { MultipartFiles } from './multipart-files.ts';
import { ObjectFiles } from './object-files.ts';
import type { StoredObject } from './object-files.ts';
import { createFile } from './receive.ts';
import type { CreateFile } from './receive.ts';
import { UrlSigner } from './signed-url.ts';

export interface FilesystemStoreOptions {
  readonly dataDir: string;
  readonly signingKey: Secret;
  /** Where clients reach the edge; asked at each signature. */
  readonly publicUrl: () => string;
  /** Makes the files that bytes are written to. */
  readonly createFile?: CreateFile;
}

/**
 * Objects in a folder of this machine, or of a network file system that several processes share. Its URLs lead to a
 * {@link FilesystemEdge} over the same folder and signing key.
 */
export class FilesystemObjectStore implements ObjectStore {
  readonly signer: UrlSigner;
  readonly objects: ObjectFiles;
  readonly multipart: MultipartFiles;
  readonly #folders: Folders;

  private constructor(folders: Folders, options: FilesystemStoreOptions) {
    const create = options.createFile ?? createFile;
    this.#folders = folders;
    this.signer = new UrlSigner(options.signingKey, options.publicUrl);
    this.objects = new ObjectFiles(folders, create);
    this.multipart = new MultipartFiles(folders, this.objects, create);
  }

  /** @throws StartUpError when the folder cannot be used */
  static async open(options: FilesystemStoreOptions): Promise<FilesystemObjectStore> {
    return new FilesystemObjectStore(await Folders.open(options.dataDir), options);
  }

  async presignPut({ key, expected, contentType, expiresAt }: PresignPutRequest): Promise<PresignedPut> {
    return { url: this.signer.sign({ kind: 'put', key, expected }, expiresAt), headers: { 'Content-Type': contentType }, expiresAt };
  }

  async presignGet({ key, filename, contentType, expiresAt }: PresignGetRequest): Promise<PresignedUrl> {
    return { url: this.signer.sign({ kind: 'get', key, filename, contentType }, expiresAt), expiresAt };
  }

  async presignPart({ key, uploadId, partNumber, maxBytes, expiresAt }: PresignPartRequest): Promise<PresignedUrl> {
    requirePartNumber(partNumber);
    return { url: this.signer.sign({ kind: 'part', key, uploadId, partNumber, maxBytes }, expiresAt), expiresAt };
  }

  async head(key: string): Promise<ObjectInfo | null> {
    const object = await this.objects.read(key);
    return object === null ? null : infoOf(object);
  }

  async hash(key: string, signal: AbortSignal): Promise<string | null> {
    const object = await this.objects.read(key);
    if (object === null) return null;
    const bytes = await this.objects.openBytes(object, null).catch((error: unknown) => {
      if (error instanceof ObjectStoreError && error.code === 'not_found') return null;
      throw error;
    });
    return bytes === null ? null : sha256Of(bytes, signal);
  }

  async deleteObjects(keys: readonly string[]): Promise<void> {
    const failures: unknown[] = [];
    for (const key of keys) await this.objects.delete(key).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of ${keys.length} objects could not be deleted`);
  }

  initiateMultipart(key: string): Promise<string> {
    return this.multipart.initiate(key);
  }

  async completeMultipart(key: string, uploadId: string, parts: readonly CompletedPart[], expected: ExpectedBytes): Promise<ObjectInfo> {
    return infoOf(await this.multipart.complete(key, uploadId, parts, expected));
  }

  abortMultipart(key: string, uploadId: string): Promise<void> {
    return this.multipart.abort(key, uploadId);
  }

  list(signal: AbortSignal): AsyncIterable<ListedObject> {
    return this.objects.list(signal);
  }

  async collectAbandoned({ transfersBefore, multipartBefore }: AbandonedCutoffs, signal: AbortSignal): Promise<number> {
    const { incoming, trash, multipart } = this.#folders;
    let collected = 0;
    for (const [parent, before] of [
      [incoming, transfersBefore],
      [trash, transfersBefore],
      [multipart, multipartBefore],
    ] as const) {
      for (const name of await namesIn(parent)) {
        signal.throwIfAborted();
        const changedAt = await lastChange(join(parent, name));
        if (changedAt === null || changedAt >= before.getTime()) continue;
        if (await this.#folders.discard(join(parent, name))) collected += 1;
      }
    }
    return collected;
  }

  async check(): Promise<void> {
    await this.#folders.probe();
  }
}

function infoOf({ key, sizeBytes, sha256, etag, createdAt }: StoredObject): ObjectInfo {
  return { key, sizeBytes, sha256, etag, createdAt };
}
