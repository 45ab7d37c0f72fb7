import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import type { MultipartUpload, Part, S3Client } from '@aws-sdk/client-s3';
import { ObjectStoreError } from '../errors.ts';
import { checkReceived } from '../expected-bytes.ts';
import { objectNameOf } from '../object-name.ts';
import type { CompletedPart, ExpectedBytes } from '../object-store.ts';
import { inPartOrder } from '../part-number.ts';
import { asStoreError, encryptionOf } from './client.ts';
import type { S3StoreOptions } from './client.ts';

/** Metadata of an object that a multipart upload made: the mark in that upload's id. */
export const uploadMark = 'cloudscan-upload';

/** S3 tells its upload id only after the metadata is fixed, so an upload id is a mark of our own and, after a dot, that of S3. */
export interface UploadId {
  readonly mark: string;
  readonly id: string;
}

/** Null for what was never an upload id. */
export function parseUploadId(uploadId: string): UploadId | null {
  const [, mark, id] = /^([0-9a-f-]{36})\.(.+)$/.exec(uploadId) ?? [];
  return mark === undefined || id === undefined ? null : { mark, id };
}

/** @throws ObjectStoreError `upload_not_found` for what was never an upload id */
export function requireUploadId(uploadId: string): UploadId {
  const upload = parseUploadId(uploadId);
  if (upload === null) throw new ObjectStoreError('upload_not_found', 'there is no such multipart upload');
  return upload;
}

/** The multipart uploads of a bucket. */
export class S3Multipart {
  readonly #client: S3Client;
  readonly #options: S3StoreOptions;

  constructor(client: S3Client, options: S3StoreOptions) {
    this.#client = client;
    this.#options = options;
  }

  async initiate(key: string): Promise<string> {
    const mark = randomUUID();
    const command = new CreateMultipartUploadCommand({
      ...this.#target(key),
      ...encryptionOf(this.#options),
      Metadata: { [uploadMark]: mark },
    });
    const { UploadId: id } = await this.#call(() => this.#client.send(command));
    return `${mark}.${id}`;
  }

  /**
   * Looks at sizes and ETags of the parts, then makes them the object.
   *
   * @throws ObjectStoreError `upload_not_found`, `invalid_part`, `size_mismatch`, `too_large`, `conflict`
   */
  async complete(key: string, { id }: UploadId, named: readonly CompletedPart[], expected: ExpectedBytes): Promise<void> {
    const parts = chooseParts(await this.#parts(objectNameOf(key), id), named);
    const sizeBytes = parts.reduce((total, part) => total + (part.Size ?? 0), 0);
    checkReceived({ sizeBytes, sha256: null }, { ...expected, sha256: null });
    const command = new CompleteMultipartUploadCommand({
      ...this.#target(key),
      UploadId: id,
      IfNoneMatch: '*',
      MultipartUpload: { Parts: parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) },
    });
    await this.#call(() => this.#client.send(command));
  }

  /** Idempotent. */
  async abort(key: string, { id }: UploadId): Promise<void> {
    await this.#abort(objectNameOf(key), id);
  }

  /** Aborts uploads that began before and got no part since; answers how many. */
  async collect(before: Date, signal: AbortSignal): Promise<number> {
    let collected = 0;
    for await (const { Key: name, UploadId: id, Initiated: initiated } of this.#uploads(signal)) {
      if (name === undefined || id === undefined || initiated === undefined || initiated >= before) continue;
      if ((await this.#hasPartSince(name, id, before)) || !(await this.#abort(name, id))) continue;
      collected += 1;
    }
    return collected;
  }

  /** False when there was none. */
  async #abort(name: string, id: string): Promise<boolean> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.#options.bucket, Key: name, UploadId: id });
    return this.#call(() => this.#client.send(command)).then(() => true, falseWhenGone);
  }

  async #hasPartSince(name: string, id: string, time: Date): Promise<boolean> {
    const parts = (await this.#parts(name, id).catch(falseWhenGone)) || [];
    return parts.some(({ LastModified: at }) => at !== undefined && at >= time);
  }

  /** Every upload of the bucket: MinIO lists by no prefix but a whole name. */
  async *#uploads(signal: AbortSignal): AsyncGenerator<MultipartUpload> {
    let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | null = {};
    while (marker !== null) {
      signal.throwIfAborted();
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({ Bucket: this.#options.bucket, ...marker });
      const page = await this.#client.send(command, { abortSignal: signal });
      yield* page.Uploads ?? [];
      marker = page.IsTruncated === true ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : null;
    }
  }

  #parts(name: string, id: string): Promise<readonly Part[]> {
    const upload = { Bucket: this.#options.bucket, Key: name, UploadId: id };
    return this.#call(async () => {
      const parts: Part[] = [];
      let marker: string | null = '0';
      while (marker !== null) {
        const command: ListPartsCommand = new ListPartsCommand({ ...upload, PartNumberMarker: marker });
        const page = await this.#client.send(command);
        parts.push(...(page.Parts ?? []));
        // MinIO names a next marker on the last page too, so that the paginator of the SDK would never end.
        marker = page.IsTruncated === true ? (page.NextPartNumberMarker ?? null) : null;
      }
      return parts;
    });
  }

  #target(key: string) {
    return { Bucket: this.#options.bucket, Key: objectNameOf(key) };
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw asStoreError(error);
    }
  }
}

function chooseParts(present: readonly Part[], named: readonly CompletedPart[]): readonly Part[] {
  const byNumber = new Map(present.map((part) => [part.PartNumber, part]));
  return inPartOrder(named).map(({ partNumber, etag }) => {
    const part = byNumber.get(partNumber);
    if (part === undefined || unquoted(part.ETag) !== unquoted(etag)) {
      throw new ObjectStoreError('invalid_part', `part ${partNumber} was not uploaded with this ETag`);
    }
    return part;
  });
}

export function unquoted(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

function falseWhenGone(error: unknown): false {
  if (error instanceof ObjectStoreError && error.code === 'upload_not_found') return false;
  throw error;
}
