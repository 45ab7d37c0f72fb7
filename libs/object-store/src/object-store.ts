/**
 * Where the bytes of artifacts live. Clients move them through presigned URLs; this interface never does. Keys are made by
 * the service and are safe whatever they hold. The bytes at a key never change: the first complete upload is the object, the
 * same bytes again are welcome, other bytes are refused.
 *
 * Errors: {@link ObjectStoreError}.
 */
export interface ObjectStore {
  presignPut(request: PresignPutRequest): Promise<PresignedPut>;
  presignGet(request: PresignGetRequest): Promise<PresignedUrl>;
  /** Null when there is no complete object. */
  head(key: string): Promise<ObjectInfo | null>;
  /** The SHA-256 of the bytes as they are now, in lower-case hexadecimal, read through in constant memory. Null when there is no object. */
  hash(key: string, signal: AbortSignal): Promise<string | null>;
  /** Idempotent. Tries every key before it throws for one that could not be deleted. */
  deleteObjects(keys: readonly string[]): Promise<void>;

  /** Answers the new upload's id. */
  initiateMultipart(key: string): Promise<string>;
  presignPart(request: PresignPartRequest): Promise<PresignedUrl>;
  /**
   * Makes the named parts, in the order of their numbers, the object. Idempotent for one upload id. A store that cannot read
   * parts learns the SHA-256 only once the object is there: on `checksum_mismatch` it deletes the object, and the upload is over.
   *
   * @throws ObjectStoreError `upload_not_found`, `invalid_part`, `size_mismatch`, `too_large`, `checksum_mismatch`, `conflict`
   */
  completeMultipart(key: string, uploadId: string, parts: readonly CompletedPart[], expected: ExpectedBytes): Promise<ObjectInfo>;
  /** Idempotent. */
  abortMultipart(key: string, uploadId: string): Promise<void>;

  /** Every object, in no order; for reconciliation. One that comes or goes meanwhile may be missed. */
  list(signal: AbortSignal): AsyncIterable<ListedObject>;
  /** Removes what broken uploads left behind; answers how many leftovers. Idempotent. */
  collectAbandoned(cutoffs: AbandonedCutoffs, signal: AbortSignal): Promise<number>;
  /** Throws when the store cannot take an upload now. */
  check(): Promise<void>;
}

/** What an upload has to be. */
export interface ExpectedBytes {
  /** Exact bytes; null when not known. */
  readonly sizeBytes: number | null;
  /** The most bytes taken when the size is not known. */
  readonly maxBytes: number;
  /** Lower-case hexadecimal; null when not known. */
  readonly sha256: string | null;
}

export interface PresignPutRequest {
  readonly key: string;
  readonly expected: ExpectedBytes;
  readonly contentType: string;
  readonly expiresAt: Date;
}

export interface PresignGetRequest {
  readonly key: string;
  /** The name that a browser saves under. Any text; made harmless. */
  readonly filename: string;
  readonly contentType: string;
  readonly expiresAt: Date;
}

export interface PresignPartRequest {
  readonly key: string;
  readonly uploadId: string;
  /** 1 to {@link maxPartNumber}. */
  readonly partNumber: number;
  /** The most bytes that all parts together may have. */
  readonly maxBytes: number;
  readonly expiresAt: Date;
}

/** As S3 has it, so that an upload fits every backend. */
export const maxPartNumber = 10_000;

export interface PresignedUrl {
  /** A secret until it expires: never logged. */
  readonly url: string;
  readonly expiresAt: Date;
}

export interface PresignedPut extends PresignedUrl {
  /** The client must send them with the upload. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface CompletedPart {
  readonly partNumber: number;
  /** As the upload of the part was answered, with or without its quotes; empty where that has none, as on Azure. */
  readonly etag: string;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Lower-case hexadecimal; null where the store did not note it: {@link ObjectStore.hash} reads it then. */
  readonly sha256: string | null;
  /** Without quotes; equal for equal bytes uploaded the same way. */
  readonly etag: string;
  readonly createdAt: Date;
}

export interface ListedObject {
  readonly key: string;
  readonly createdAt: Date;
}

export interface AbandonedCutoffs {
  /** Single uploads and deletions with no progress since then were broken off. */
  readonly transfersBefore: Date;
  /** Multipart uploads with no new part since then were given up. */
  readonly multipartBefore: Date;
}
