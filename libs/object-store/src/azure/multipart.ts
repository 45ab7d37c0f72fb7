import { randomUUID } from 'node:crypto';
import type { Block, BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { ObjectStoreError } from '../errors.ts';
import { checkReceived } from '../expected-bytes.ts';
import { objectNameOf } from '../object-name.ts';
import type { CompletedPart, ExpectedBytes } from '../object-store.ts';
import { inPartOrder } from '../part-number.ts';
import { sideBySide } from '../side-by-side.ts';
import { stagingNameOf, stagingPrefix } from '../staging-name.ts';
import { parseBlockId } from './block-id.ts';
import { asStoreError, isNotFound } from './client.ts';
import type { AzurePresigner } from './presign.ts';

/** Metadata of an object that a multipart upload made: that upload's id. */
export const uploadMark = 'cloudscan_upload';

const copyBytes = 64 * 1024 ** 2;
/** The most blocks of a blob. */
const maxBlocks = 50_000;
const copiesAtOnce = 4;
/** Milliseconds that Azure has to read the parts. */
const copyLimitMs = 3_600_000;

/**
 * Multipart uploads of a container. Azure knows none: whoever may write one block of a blob may replace the whole blob. So parts
 * are blocks of a staged blob, which nobody reads; its blocks become the object's by copies within Azure, at once and only
 * where there is no object yet.
 */
export class AzureMultipart {
  readonly #container: ContainerClient;
  readonly #presigner: AzurePresigner;

  constructor(container: ContainerClient, presigner: AzurePresigner) {
    this.#container = container;
    this.#presigner = presigner;
  }

  /** An empty staged blob tells that the upload has begun and is not over: Azure takes blocks of a blob that is not there, too. */
  async initiate(key: string): Promise<string> {
    const uploadId = randomUUID();
    await this.#staged(key, uploadId).upload('', 0, { conditions: { ifNoneMatch: '*' } });
    return uploadId;
  }

  /**
   * Looks at the sizes of the parts, then makes them the object. May come again after any error.
   *
   * @throws ObjectStoreError `upload_not_found`, `invalid_part`, `size_mismatch`, `too_large`, `conflict`
   */
  async complete(key: string, uploadId: string, named: readonly CompletedPart[], expected: ExpectedBytes): Promise<void> {
    const staged = this.#staged(key, uploadId);
    try {
      // Blocks alone, that came after the end of their upload, have no properties.
      await staged.getProperties();
      const blocks = chooseBlocks(await blocksOf(staged), named);
      const sizeBytes = blocks.reduce((total, { size }) => total + size, 0);
      checkReceived({ sizeBytes, sha256: null }, { ...expected, sha256: null });
      await staged.commitBlockList(blocks.map(({ name }) => name));
      await this.#copy(staged, sizeBytes, key, uploadId);
    } catch (error) {
      throw asStoreError(error);
    }
    await discard(staged);
  }

  /** Idempotent. */
  async abort(key: string, uploadId: string): Promise<void> {
    await discard(this.#staged(key, uploadId));
  }

  /** Ends uploads that began before and got no part since; answers how many. */
  async collect(before: Date, signal: AbortSignal): Promise<number> {
    let collected = 0;
    const listing = this.#container.listBlobsFlat({ prefix: stagingPrefix, includeUncommitedBlobs: true, abortSignal: signal });
    for await (const { name, properties } of listing) {
      signal.throwIfAborted();
      const staged = this.#container.getBlockBlobClient(name);
      if (properties.lastModified >= before || (await hasBlockSince(staged, before))) continue;
      await discard(staged);
      collected += 1;
    }
    return collected;
  }

  /** Blocks of the object that no commit takes are dropped by Azure after a week. */
  async #copy(staged: BlockBlobClient, sizeBytes: number, key: string, uploadId: string): Promise<void> {
    const object = this.#container.getBlockBlobClient(objectNameOf(key));
    const { url } = await this.#presigner.source(staged.name, new Date(Date.now() + copyLimitMs));
    const length = Math.max(copyBytes, Math.ceil(sizeBytes / maxBlocks));
    const starts = Array.from({ length: Math.ceil(sizeBytes / length) }, (_, index) => index * length);
    const ids = await sideBySide(starts, copiesAtOnce, async (start) => {
      const id = Buffer.from(`${uploadId}.${String(start).padStart(16, '0')}`).toString('base64');
      await object.stageBlockFromURL(id, url, start, Math.min(length, sizeBytes - start));
      return id;
    });
    await object.commitBlockList(ids, { conditions: { ifNoneMatch: '*' }, metadata: { [uploadMark]: uploadId } });
  }

  #staged(key: string, uploadId: string): BlockBlobClient {
    return this.#container.getBlockBlobClient(stagingNameOf(key, uploadId));
  }
}

/** The latest block of each named part. Azure answers a part without an ETag, and keeps none that could be looked at. */
function chooseBlocks(present: readonly Block[], named: readonly CompletedPart[]): readonly Block[] {
  const latest = new Map<number, { readonly block: Block; readonly signedAt: number }>();
  for (const block of present) {
    const id = parseBlockId(block.name);
    if (id !== null && id.signedAt >= (latest.get(id.partNumber)?.signedAt ?? 0)) {
      latest.set(id.partNumber, { block, signedAt: id.signedAt });
    }
  }
  return inPartOrder(named).map(({ partNumber }) => {
    const found = latest.get(partNumber);
    if (found === undefined) throw new ObjectStoreError('invalid_part', `part ${partNumber} was not uploaded`);
    return found.block;
  });
}

async function blocksOf(staged: BlockBlobClient): Promise<readonly Block[]> {
  const { committedBlocks = [], uncommittedBlocks = [] } = await staged.getBlockList('all');
  return [...committedBlocks, ...uncommittedBlocks];
}

/** No client can make an upload last by an id that names the future. */
async function hasBlockSince(staged: BlockBlobClient, time: Date): Promise<boolean> {
  const blocks = await blocksOf(staged).catch((error: unknown) => {
    if (isNotFound(error)) return [];
    throw error;
  });
  const now = Date.now();
  return blocks.some(({ name }) => {
    const signedAt = parseBlockId(name)?.signedAt ?? 0;
    return signedAt >= time.getTime() && signedAt <= now;
  });
}

/** An empty blob first: to replace a blob drops its uncommitted blocks, to delete it does not. */
async function discard(staged: BlockBlobClient): Promise<void> {
  await staged.upload('', 0);
  await staged.deleteIfExists();
}
