import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { attachmentDisposition } from '../content-disposition.ts';
import { objectNameOf } from '../object-name.ts';
import type { PresignedPut, PresignedUrl, PresignGetRequest, PresignPartRequest, PresignPutRequest } from '../object-store.ts';
import { requirePartNumber } from '../part-number.ts';
import { validityUntil } from '../validity.ts';
import { createClient, encryptionOf } from './client.ts';
import type { S3StoreOptions } from './client.ts';

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

type PresigningOptions = NonNullable<Parameters<typeof getSignedUrl>[2]>;

async function presign(wanted: Date, sign: (options: PresigningOptions) => Promise<string>): Promise<PresignedUrl> {
  const { signedAt, expiresIn } = validityUntil(wanted, new Date());
  // Left to itself the signer would move the checksum to the query, where S3 does not look for it.
  const url = await sign({ signingDate: signedAt, expiresIn, unhoistableHeaders: new Set([checksumHeader]) });
  return { url, expiresAt: new Date(signedAt.getTime() + expiresIn * 1000) };
}
