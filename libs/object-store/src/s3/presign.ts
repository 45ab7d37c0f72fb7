import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { attachmentDisposition } from '../content-disposition.ts';
import { objectNameOf } from '../object-name.ts';
import type { PresignedPut, PresignedUrl, PresignGetRequest, PresignPartRequest, PresignPutRequest } from '../object-store.ts';
import { requirePartNumber } from '../part-number.ts';
import { createClient, encryptionOf } from './client.ts';
import type { S3StoreOptions } from './client.ts';

/** The longest that Signature Version 4 lets a URL live. */
const maxSeconds = 7 * 24 * 3600;
const checksumHeader = 'x-amz-checksum-sha256';

/** Signs URLs for the endpoint that clients reach. Speaks to nobody, but for temporary credentials. */
export class S3Presigner {
  readonly #client: S3Client;
  readonly #options: S3StoreOptions;

  constructor(options: S3StoreOptions) {
    this.#client = createClient(options, options.publicEndpoint ?? options.endpoint);
    this.#options = options;
  }

  async put({ key, expected, contentType, expiresAt }: PresignPutRequest): Promise<PresignedPut> {
    const { ServerSideEncryption, SSEKMSKeyId } = encryptionOf(this.#options);
    const checksum = expected.sha256 === null ? null : Buffer.from(expected.sha256, 'hex').toString('base64');
    const command = new PutObjectCommand({
      ...this.#target(key),
      // The first upload is the object.
      IfNoneMatch: '*',
      ContentLength: expected.sizeBytes ?? undefined,
      ChecksumSHA256: checksum ?? undefined,
      ServerSideEncryption,
      SSEKMSKeyId,
    });
    const signed = await presign(expiresAt, (validity) => getSignedUrl(this.#client, command, validity));
    const headers = {
      'Content-Type': contentType,
      'If-None-Match': '*',
      ...(expected.sizeBytes === null ? {} : { 'Content-Length': String(expected.sizeBytes) }),
      ...(checksum === null ? {} : { [checksumHeader]: checksum }),
      ...(ServerSideEncryption === undefined ? {} : { 'x-amz-server-side-encryption': ServerSideEncryption }),
      ...(SSEKMSKeyId === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': SSEKMSKeyId }),
    };
    return { ...signed, headers };
  }

  get({ key, filename, contentType, expiresAt }: PresignGetRequest): Promise<PresignedUrl> {
    const command = new GetObjectCommand({
      ...this.#target(key),
      ResponseContentDisposition: attachmentDisposition(filename),
      ResponseContentType: contentType,
      ResponseCacheControl: 'private, no-cache',
    });
    return presign(expiresAt, (validity) => getSignedUrl(this.#client, command, validity));
  }

  /** @param uploadId as S3 knows it */
  async part({ key, partNumber, expiresAt }: PresignPartRequest, uploadId: string): Promise<PresignedUrl> {
    requirePartNumber(partNumber);
    const command = new UploadPartCommand({ ...this.#target(key), UploadId: uploadId, PartNumber: partNumber });
    return presign(expiresAt, (validity) => getSignedUrl(this.#client, command, validity));
  }

  #target(key: string) {
    return { Bucket: this.#options.bucket, Key: objectNameOf(key) };
  }
}

interface Validity {
  readonly signingDate: Date;
  /** Seconds. */
  readonly expiresIn: number;
}

async function presign(
  wanted: Date,
  sign: (options: Validity & { unhoistableHeaders: Set<string> }) => Promise<string>,
): Promise<PresignedUrl> {
  const validity = validityUntil(wanted, new Date());
  // Left to itself the signer would move the checksum to the query, where S3 does not look for it.
  const url = await sign({ ...validity, unhoistableHeaders: new Set([checksumHeader]) });
  return { url, expiresAt: new Date(validity.signingDate.getTime() + validity.expiresIn * 1000) };
}

/** A signature counts from its date on, in whole seconds; one that has ended is signed in the past, so that S3 refuses it. */
function validityUntil(expiresAt: Date, now: Date): Validity {
  const nowSeconds = Math.floor(now.getTime() / 1000);
  const seconds = Math.floor(expiresAt.getTime() / 1000) - nowSeconds;
  if (seconds < 1) return { signingDate: new Date((nowSeconds + seconds - 1) * 1000), expiresIn: 1 };
  return { signingDate: new Date(nowSeconds * 1000), expiresIn: Math.min(seconds, maxSeconds) };
}
