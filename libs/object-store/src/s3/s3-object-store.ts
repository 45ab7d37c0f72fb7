import { Readable } from 'node:stream';
import { DeleteObjectsCommand, GetObjectCommand, HeadBucketCommand, HeadObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { ObjectStoreError } from '../errors.ts';
import { checkReceived } from '../expected-bytes.ts';
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
import { createClient, isNotFound } from './client.ts';
import type { S3StoreOptions } from './client.ts';
import { parseUploadId, requireUploadId, S3Multipart, unquoted, uploadMark } from './multipart.ts';
import type { UploadId } from './multipart.ts';
import { S3Presigner } from './presign.ts';

/** The most that one DeleteObjects takes. */
const deleteBatch = 1000;
/** Milliseconds for reading an object through whose SHA-256 was declared. */
const verifyLimitMs = 600_000;

/** Objects in a bucket of S3, or of what speaks like it: MinIO, Ceph, R2. Clients speak to the bucket themselves. */
export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #presigner: S3Presigner;
  readonly #multipart: S3Multipart;

  private constructor(options: S3StoreOptions) {
    this.#client = createClient(options, options.endpoint);
    this.#bucket = options.bucket;
    this.#presigner = new S3Presigner(options);
    this.#multipart = new S3Multipart(this.#client, options);
  }

  /** Calls nobody yet: {@link check} tells whether the bucket is there. */
  static async open(options: S3StoreOptions): Promise<S3ObjectStore> {
    return new S3ObjectStore(options);
  }

  presignPut(request: PresignPutRequest): Promise<PresignedPut> {
    return this.#presigner.put(request);
  }

  presignGet(request: PresignGetRequest): Promise<PresignedUrl> {
    return this.#presigner.get(request);
  }

  async presignPart(request: PresignPartRequest): Promise<PresignedUrl> {
    return this.#presigner.part(request, requireUploadId(request.uploadId).id);
  }

  async head(key: string): Promise<ObjectInfo | null> {
    const found = await this.#head(key);
    return found === null ? null : infoOf(key, found);
  }

  async hash(key: string, signal: AbortSignal): Promise<string | null> {
    try {
      const { Body } = await this.#client.send(new GetObjectCommand(this.#target(key)), { abortSignal: signal });
      if (!(Body instanceof Readable)) throw new TypeError('S3 answered an object without a stream');
      return await sha256Of(Body, signal);
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async deleteObjects(keys: readonly string[]): Promise<void> {
    const failures: unknown[] = [];
    for (let start = 0; start < keys.length; start += deleteBatch) {
      const batch = keys.slice(start, start + deleteBatch);
      await this.#deleteBatch(batch).then(
        (failed) => failures.push(...failed),
        (error: unknown) => failures.push(...batch.map(() => error)),
      );
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of ${keys.length} objects could not be deleted`);
  }

  initiateMultipart(key: string): Promise<string> {
    return this.#multipart.initiate(key);
  }

  async completeMultipart(key: string, uploadId: string, parts: readonly CompletedPart[], expected: ExpectedBytes): Promise<ObjectInfo> {
    const upload = requireUploadId(uploadId);
    const object = (await this.#madeBy(upload, key)) ?? (await this.#complete(key, upload, parts, expected));
    if (expected.sha256 === null) return object;
    const sha256 = await this.hash(key, AbortSignal.timeout(verifyLimitMs));
    try {
      checkReceived({ sizeBytes: object.sizeBytes, sha256 }, expected);
    } catch (error) {
      await this.deleteObjects([key]);
      throw error;
    }
    return { ...object, sha256 };
  }

  async abortMultipart(key: string, uploadId: string): Promise<void> {
    const upload = parseUploadId(uploadId);
    if (upload !== null) await this.#multipart.abort(key, upload);
  }

  async *list(signal: AbortSignal): AsyncGenerator<ListedObject> {
    signal.throwIfAborted();
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: this.#bucket }, { abortSignal: signal });
    for await (const { Contents = [] } of pages) {
      for (const { Key: name = '', LastModified: createdAt } of Contents) {
        signal.throwIfAborted();
        const key = keyOfObjectName(name);
        if (key !== null && createdAt !== undefined) yield { key, createdAt };
      }
    }
  }

  /** S3 keeps nothing of a single upload that broke off, so only multipart uploads are left behind. */
  collectAbandoned({ multipartBefore }: AbandonedCutoffs, signal: AbortSignal): Promise<number> {
    return this.#multipart.collect(multipartBefore, signal);
  }

  async check(): Promise<void> {
    await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }));
  }

  /** A call that comes again, or whose first answer was lost, finds the object that its upload made. */
  async #complete(key: string, upload: UploadId, parts: readonly CompletedPart[], expected: ExpectedBytes): Promise<ObjectInfo> {
    const refusal = await this.#multipart.complete(key, upload, parts, expected).then(
      () => null,
      (error: unknown) => error,
    );
    const isOver = refusal instanceof ObjectStoreError && (refusal.code === 'upload_not_found' || refusal.code === 'conflict');
    if (refusal !== null && !isOver) throw refusal;
    const object = await this.#madeBy(upload, key);
    if (object !== null) return object;
    throw refusal ?? new ObjectStoreError('upload_not_found', 'the object was deleted as soon as its upload was complete');
  }

  /** The object of a key, where this upload made it. */
  async #madeBy({ mark }: UploadId, key: string): Promise<ObjectInfo | null> {
    const found = await this.#head(key);
    return found?.Metadata?.[uploadMark] === mark ? infoOf(key, found) : null;
  }

  async #head(key: string): Promise<HeadObjectCommandOutput | null> {
    try {
      return await this.#client.send(new HeadObjectCommand({ ...this.#target(key), ChecksumMode: 'ENABLED' }));
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  /** Answers why keys of the batch could not be deleted. */
  async #deleteBatch(keys: readonly string[]): Promise<readonly Error[]> {
    const Objects = keys.map((key) => ({ Key: objectNameOf(key) }));
    const { Errors = [] } = await this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } }));
    return Errors.map(({ Key, Code, Message }) => new Error(`${Key}: ${Code} ${Message}`));
  }

  #target(key: string) {
    return { Bucket: this.#bucket, Key: objectNameOf(key) };
  }
}

function infoOf(key: string, head: HeadObjectCommandOutput): ObjectInfo {
  return {
    key,
    sizeBytes: head.ContentLength ?? 0,
    sha256: sha256Noted(head),
    etag: unquoted(head.ETag),
    createdAt: head.LastModified ?? new Date(0),
  };
}

/** The checksum of a multipart object is one of its parts' checksums, which says nothing of the whole. */
function sha256Noted({ ChecksumSHA256: checksum }: HeadObjectCommandOutput): string | null {
  return checksum === undefined || checksum.includes('-') ? null : Buffer.from(checksum, 'base64').toString('hex');
}
