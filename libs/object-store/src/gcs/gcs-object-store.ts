import { isUuid } from '@cloudscan/domain';
import type { Bucket, FileMetadata } from '@google-cloud/storage';
import { ObjectStoreError } from '../errors.ts';
import { keyOfObjectName, objectNameOf } from '../object-name.ts';
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
import { sideBySide } from '../side-by-side.ts';
import { createClient, isNotFound } from './client.ts';
import type { GcsStoreOptions } from './client.ts';
import { listFiles } from './list-files.ts';
import { GcsMultipart, md5HexOf, uploadMark } from './multipart.ts';
import { GcsPresigner } from './presign.ts';
import { readBytes } from './read-bytes.ts';

const deletionsAtOnce = 16;
/** Milliseconds for reading parts through whose SHA-256 was declared. */
const verifyLimitMs = 600_000;

/** Objects in a bucket of Google Cloud Storage. Clients speak to the bucket themselves. */
export class GcsObjectStore implements ObjectStore {
  readonly #bucket: Bucket;
  readonly #presigner: GcsPresigner;
  readonly #multipart: GcsMultipart;

  private constructor(options: GcsStoreOptions) {
    const storage = createClient(options);
    this.#bucket = storage.bucket(options.bucket);
    this.#presigner = new GcsPresigner(storage, options);
    this.#multipart = new GcsMultipart(this.#bucket);
  }

  /** Calls nobody yet: {@link check} tells whether the bucket is there. */
  static async open(options: GcsStoreOptions): Promise<GcsObjectStore> {
    return new GcsObjectStore(options);
  }

  presignPut(request: PresignPutRequest): Promise<PresignedPut> {
    return this.#presigner.put(request);
  }

  presignGet(request: PresignGetRequest): Promise<PresignedUrl> {
    return this.#presigner.get(request);
  }

  async presignPart(request: PresignPartRequest): Promise<PresignedUrl> {
    return this.#presigner.part(request);
  }

  async head(key: string): Promise<ObjectInfo | null> {
    const found = await this.#head(key);
    return found === null ? null : infoOf(key, found);
  }

  async hash(key: string, signal: AbortSignal): Promise<string | null> {
    try {
      return await sha256Of(readBytes(this.#bucket.file(objectNameOf(key)), signal), signal);
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async deleteObjects(keys: readonly string[]): Promise<void> {
    const failures: unknown[] = [];
    await sideBySide(keys, deletionsAtOnce, async (key) => {
      const file = this.#bucket.file(objectNameOf(key));
      await file.delete({ ignoreNotFound: true }).catch((error: unknown) => failures.push(error));
    });
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of ${keys.length} objects could not be deleted`);
  }

  initiateMultipart(key: string): Promise<string> {
    return this.#multipart.initiate(key);
  }

  async completeMultipart(key: string, uploadId: string, parts: readonly CompletedPart[], expected: ExpectedBytes): Promise<ObjectInfo> {
    const earlier = await this.#madeBy(uploadId, key);
    if (earlier !== null) return earlier;
    const refusal = await this.#multipart.complete(key, uploadId, parts, expected, AbortSignal.timeout(verifyLimitMs)).then(
      () => null,
      (error: unknown) => error,
    );
    // A call that comes again, or whose first answer was lost, finds the object that its upload made.
    const object = await this.#madeBy(uploadId, key);
    if (object !== null) return object;
    throw refusal ?? new ObjectStoreError('upload_not_found', 'the object was deleted as soon as its upload was complete');
  }

  async abortMultipart(key: string, uploadId: string): Promise<void> {
    if (isUuid(uploadId)) await this.#multipart.abort(key, uploadId);
  }

  async *list(signal: AbortSignal): AsyncGenerator<ListedObject> {
    for await (const { name, metadata } of listFiles(this.#bucket, '', signal)) {
      const key = keyOfObjectName(name);
      if (key !== null) yield { key, createdAt: new Date(metadata.timeCreated ?? 0) };
    }
  }

  /** GCS keeps nothing of a single upload that broke off, so only multipart uploads are left behind. */
  collectAbandoned({ multipartBefore }: AbandonedCutoffs, signal: AbortSignal): Promise<number> {
    return this.#multipart.collect(multipartBefore, signal);
  }

  /** By a listing: whoever may write objects need not be allowed to read the bucket's settings. */
  async check(): Promise<void> {
    await this.#bucket.getFiles({ maxResults: 1, autoPaginate: false });
    await this.#presigner.check();
  }

  /** The object of a key, where this upload made it. */
  async #madeBy(uploadId: string, key: string): Promise<ObjectInfo | null> {
    const found = await this.#head(key);
    return found?.metadata?.[uploadMark.uploadId] === uploadId ? infoOf(key, found) : null;
  }

  async #head(key: string): Promise<FileMetadata | null> {
    try {
      const [metadata] = await this.#bucket.file(objectNameOf(key)).getMetadata();
      return metadata;
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }
}

/** Only this store writes metadata: a client may send no `x-goog-` header that its URL does not name. A composed object has no MD5. */
function infoOf(key: string, { size, metadata, md5Hash, crc32c, timeCreated }: FileMetadata): ObjectInfo {
  const sha256 = metadata?.[uploadMark.sha256];
  return {
    key,
    sizeBytes: Number(size),
    sha256: typeof sha256 === 'string' ? sha256 : null,
    etag: md5HexOf(md5Hash) ?? `crc32c-${crc32c}`,
    createdAt: new Date(timeCreated ?? 0),
  };
}
