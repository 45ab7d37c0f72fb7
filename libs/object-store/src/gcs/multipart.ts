import { randomUUID } from 'node:crypto';
import type { Bucket, File } from '@google-cloud/storage';
import { ObjectStoreError } from '../errors.ts';
import { checkReceived } from '../expected-bytes.ts';
import { objectNameOf } from '../object-name.ts';
import type { CompletedPart, ExpectedBytes } from '../object-store.ts';
import { inPartOrder } from '../part-number.ts';
import { sha256Of } from '../sha256.ts';
import { sideBySide } from '../side-by-side.ts';
import { stagingNameOf, stagingPrefix } from '../staging-name.ts';
import { asStoreError } from './client.ts';
import { compose } from './compose.ts';
import type { Version } from './compose.ts';
import { listFiles } from './list-files.ts';
import { readBytes } from './read-bytes.ts';

/** Metadata of an object that a multipart upload made. */
export const uploadMark = { uploadId: 'cloudscan-upload', sha256: 'cloudscan-sha256' } as const;

const callsAtOnce = 16;

/**
 * Multipart uploads of a bucket: parts are objects in a folder of their own until they are composed. The multipart uploads that
 * the XML API has take no preconditions and replace what is there, so they could change an object.
 */
export class GcsMultipart {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** An empty object tells that the upload has begun and is not over: parts that come later make none. */
  async initiate(key: string): Promise<string> {
    const uploadId = randomUUID();
    const begun = this.#bucket.file(beginningOf(stagingNameOf(key, uploadId)));
    await begun.save('', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    return uploadId;
  }

  /**
   * Looks at sizes, ETags and, where it was declared, the SHA-256 of the parts, then makes them the object.
   *
   * @throws ObjectStoreError `upload_not_found`, `invalid_part`, `size_mismatch`, `too_large`, `checksum_mismatch`, `conflict`
   */
  async complete(
    key: string,
    uploadId: string,
    named: readonly CompletedPart[],
    expected: ExpectedBytes,
    signal: AbortSignal,
  ): Promise<void> {
    const folder = stagingNameOf(key, uploadId);
    const staged = new Map((await this.#filesIn(folder)).map((file) => [file.name, file]));
    if (!staged.has(beginningOf(folder))) throw uploadNotFound();
    const parts = inPartOrder(named).map(({ partNumber, etag }) => {
      const part = staged.get(partNameOf(key, uploadId, partNumber));
      if (part !== undefined && etagsOf(part).includes(etag.replaceAll('"', ''))) return part;
      throw new ObjectStoreError('invalid_part', `part ${partNumber} was not uploaded with this ETag`);
    });
    const sizeBytes = parts.reduce((total, { metadata }) => total + Number(metadata.size), 0);
    checkReceived({ sizeBytes, sha256: null }, { ...expected, sha256: null });
    const versions = parts.map(({ name, metadata }) => ({ name, generation: String(metadata.generation) }));
    try {
      if (expected.sha256 !== null) checkReceived({ sizeBytes, sha256: await sha256Of(this.#read(versions, signal), signal) }, expected);
      const metadata = {
        [uploadMark.uploadId]: uploadId,
        ...(expected.sha256 === null ? {} : { [uploadMark.sha256]: expected.sha256 }),
      };
      await compose(this.#bucket, versions, { name: objectNameOf(key), metadata, folder });
    } catch (error) {
      throw asStoreError(error);
    }
    await this.#delete(await this.#filesIn(folder));
  }

  /** Idempotent. The beginning goes first. */
  async abort(key: string, uploadId: string): Promise<void> {
    const folder = stagingNameOf(key, uploadId);
    await this.#bucket.file(beginningOf(folder)).delete({ ignoreNotFound: true });
    await this.#delete(await this.#filesIn(folder));
  }

  /** Ends uploads that began before and got no part since; answers how many. */
  async collect(before: Date, signal: AbortSignal): Promise<number> {
    let collected = 0;
    for await (const upload of this.#uploads(signal)) {
      if (upload.some(({ metadata }) => new Date(metadata.timeCreated ?? 0) >= before)) continue;
      await this.#delete(upload);
      collected += 1;
    }
    return collected;
  }

  /** The objects of one upload after the other: a listing is in the order of names. */
  async *#uploads(signal: AbortSignal): AsyncGenerator<readonly File[]> {
    let upload: File[] = [];
    for await (const file of listFiles(this.#bucket, stagingPrefix, signal)) {
      if (upload[0] !== undefined && folderOf(upload[0]) !== folderOf(file)) {
        yield upload;
        upload = [];
      }
      upload.push(file);
    }
    if (upload.length > 0) yield upload;
  }

  async #filesIn(folder: string): Promise<readonly File[]> {
    const files: File[] = [];
    for await (const file of listFiles(this.#bucket, `${folder}/`, new AbortController().signal)) files.push(file);
    return files;
  }

  async #delete(files: readonly File[]): Promise<void> {
    await sideBySide(files, callsAtOnce, (file) => file.delete({ ignoreNotFound: true }));
  }

  async *#read(parts: readonly Version[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const { name, generation } of parts) yield* readBytes(this.#bucket.file(name, { generation }), signal);
  }
}

/** @throws ObjectStoreError `upload_not_found` for what was never an upload id */
export function partNameOf(key: string, uploadId: string, partNumber: number): string {
  return `${stagingNameOf(key, uploadId)}/part-${String(partNumber).padStart(5, '0')}`;
}

function uploadNotFound(): ObjectStoreError {
  return new ObjectStoreError('upload_not_found', 'there is no such multipart upload; it was completed, aborted or given up');
}

function beginningOf(folder: string): string {
  return `${folder}/begun`;
}

function folderOf({ name }: File): string {
  return name.slice(0, name.lastIndexOf('/'));
}

/** As an upload by URL is answered: the MD5, or where a customer's key encrypts the bucket what the JSON API has, after a dash. */
function etagsOf({ metadata }: File): readonly string[] {
  return [md5HexOf(metadata.md5Hash), `-${metadata.etag}`].filter((etag) => etag !== null);
}

export function md5HexOf(md5: string | undefined): string | null {
  return md5 === undefined ? null : Buffer.from(md5, 'base64').toString('hex');
}
