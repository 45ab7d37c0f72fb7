import type { BlobGetPropertiesResponse, ContainerClient } from '@azure/storage-blob';
import { isUuid } from '@cloudscan/domain';
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
import { createClient, credentialOf, isNotFound } from './client.ts';
import type { AzureCredential, AzureStoreOptions } from './client.ts';
import { AzureMultipart, uploadMark } from './multipart.ts';
import { AzurePresigner } from './presign.ts';

/** The most that one batch takes. */
const deleteBatch = 256;
/** Milliseconds for reading an object through whose SHA-256 was declared. */
const verifyLimitMs = 600_000;

/** Objects as block blobs in a container of Azure Blob Storage. Clients speak to the container themselves. */
export class AzureObjectStore implements ObjectStore {
  readonly #container: ContainerClient;
  readonly #presigner: AzurePresigner;
  readonly #multipart: AzureMultipart;

  private constructor(options: AzureStoreOptions, credential: AzureCredential) {
    this.#container = createClient(options, credential);
    this.#presigner = new AzurePresigner(options, credential);
    this.#multipart = new AzureMultipart(this.#container, this.#presigner);
  }

  /** Calls nobody yet: {@link check} tells whether the container is there. */
  static async open(options: AzureStoreOptions, credential = credentialOf(options)): Promise<AzureObjectStore> {
    return new AzureObjectStore(options, credential);
  }

  presignPut(request: PresignPutRequest): Promise<PresignedPut> {
    return this.#presigner.put(request);
  }

  presignGet(request: PresignGetRequest): Promise<PresignedUrl> {
    return this.#presigner.get(request);
  }

  presignPart(request: PresignPartRequest): Promise<PresignedUrl> {
    return this.#presigner.part(request);
  }

  async head(key: string): Promise<ObjectInfo | null> {
    const found = await this.#head(key);
    return found === null ? null : infoOf(key, found);
  }

  async hash(key: string, signal: AbortSignal): Promise<string | null> {
    try {
      const { readableStreamBody } = await this.#container.getBlobClient(objectNameOf(key)).download(0, undefined, { abortSignal: signal });
      if (readableStreamBody === undefined) throw new TypeError('Azure answered an object without a stream');
      return await sha256Of(readableStreamBody as AsyncIterable<Buffer>, signal);
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
    const object = (await this.#madeBy(uploadId, key)) ?? (await this.#complete(key, uploadId, parts, expected));
    const sha256 = expected.sha256 === null ? null : await this.hash(key, AbortSignal.timeout(verifyLimitMs));
    try {
      checkReceived({ sizeBytes: object.sizeBytes, sha256 }, expected);
    } catch (error) {
      await this.deleteObjects([key]);
      throw error;
    }
    return { ...object, sha256 };
  }

  async abortMultipart(key: string, uploadId: string): Promise<void> {
    if (isUuid(uploadId)) await this.#multipart.abort(key, uploadId);
  }

  async *list(signal: AbortSignal): AsyncGenerator<ListedObject> {
    signal.throwIfAborted();
    for await (const { name, properties } of this.#container.listBlobsFlat({ abortSignal: signal })) {
      signal.throwIfAborted();
      const key = keyOfObjectName(name);
      if (key !== null) yield { key, createdAt: properties.lastModified };
    }
  }

  /** Azure keeps nothing of a single upload that broke off, so only multipart uploads are left behind. */
  collectAbandoned({ multipartBefore }: AbandonedCutoffs, signal: AbortSignal): Promise<number> {
    return this.#multipart.collect(multipartBefore, signal);
  }

  async check(): Promise<void> {
    await this.#container.getProperties();
    await this.#presigner.check();
  }

  /** A call that comes again, or whose first answer was lost, finds the object that its upload made. */
  async #complete(key: string, uploadId: string, parts: readonly CompletedPart[], expected: ExpectedBytes): Promise<ObjectInfo> {
    const refusal = await this.#multipart.complete(key, uploadId, parts, expected).then(
      () => null,
      (error: unknown) => error,
    );
    const object = await this.#madeBy(uploadId, key);
    if (object !== null) return object;
    throw refusal ?? new ObjectStoreError('upload_not_found', 'the object was deleted as soon as its upload was complete');
  }

  /** The object of a key, where this upload made it. */
  async #madeBy(uploadId: string, key: string): Promise<ObjectInfo | null> {
    const found = await this.#head(key);
    return found?.metadata?.[uploadMark] === uploadId ? infoOf(key, found) : null;
  }

  async #head(key: string): Promise<BlobGetPropertiesResponse | null> {
    try {
      return await this.#container.getBlobClient(objectNameOf(key)).getProperties();
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  /** Answers why keys of the batch could not be deleted. */
  async #deleteBatch(keys: readonly string[]): Promise<readonly Error[]> {
    const blobs = keys.map((key) => this.#container.getBlobClient(objectNameOf(key)));
    const { subResponses } = await this.#container.getBlobBatchClient().deleteBlobs(blobs);
    const failed = subResponses.filter(({ status, errorCode }) => status >= 300 && errorCode !== 'BlobNotFound');
    return failed.map(
      ({ _request: { url }, errorCode, statusMessage }) => new Error(`${new URL(url).pathname}: ${errorCode ?? statusMessage}`),
    );
  }
}

/** No SHA-256: metadata could hold one, but whoever uploads chooses them. */
function infoOf(key: string, { contentLength, etag, lastModified }: BlobGetPropertiesResponse): ObjectInfo {
  return {
    key,
    sizeBytes: contentLength ?? 0,
    sha256: null,
    etag: (etag ?? '').replaceAll('"', ''),
    createdAt: lastModified ?? new Date(0),
  };
}
