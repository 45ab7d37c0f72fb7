import { S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { Secret } from '@cloudscan/config';
import { ObjectStoreError } from '../errors.ts';

export interface S3StoreOptions {
  /** For objects of this store only. */
  readonly bucket: string;
  readonly region: string;
  /** Null: the one that AWS has for the region. */
  readonly endpoint: string | null;
  /** What clients reach; URLs are signed for it. Null: `endpoint`. */
  readonly publicEndpoint: string | null;
  /** `endpoint/bucket/key` rather than `bucket.endpoint/key`. */
  readonly forcePathStyle: boolean;
  /** Null: the default chain of the AWS SDK. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: Secret } | null;
  /** Null: what the bucket does by default. */
  readonly serverSideEncryption: 'AES256' | 'aws:kms' | null;
  /** The key for `aws:kms`; null: the account's own. */
  readonly kmsKeyId: string | null;
}

/** A client for calls to `endpoint`, or for signing URLs of it. */
export function createClient({ region, forcePathStyle, credentials }: S3StoreOptions, endpoint: string | null): S3Client {
  return new S3Client({
    region,
    forcePathStyle,
    ...(endpoint === null ? {} : { endpoint }),
    ...(credentials === null
      ? {}
      : { credentials: { accessKeyId: credentials.accessKeyId, secretAccessKey: credentials.secretAccessKey.reveal() } }),
    // By default a presigned upload would demand the CRC-32 of no bytes.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** What new objects are told about their encryption. */
export function encryptionOf({ serverSideEncryption, kmsKeyId }: S3StoreOptions) {
  return {
    ...(serverSideEncryption === null ? {} : { ServerSideEncryption: serverSideEncryption }),
    ...(serverSideEncryption !== 'aws:kms' || kmsKeyId === null ? {} : { SSEKMSKeyId: kmsKeyId }),
  };
}

/** Answers of S3 that callers can act on, as the port names them; anything else as it is. */
export function asStoreError(error: unknown): unknown {
  if (!(error instanceof S3ServiceException)) return error;
  switch (error.name) {
    case 'NoSuchUpload':
      return new ObjectStoreError('upload_not_found', 'there is no such multipart upload; it was completed, aborted or given up', error);
    case 'InvalidPart':
    case 'InvalidPartOrder':
      return new ObjectStoreError('invalid_part', 'a part was not uploaded with this ETag', error);
    case 'EntityTooSmall':
      return new ObjectStoreError('invalid_part', 'every part but the last must have at least 5 MiB', error);
    case 'EntityTooLarge':
      return new ObjectStoreError('too_large', 'the upload has more bytes than the object store takes', error);
    case 'PreconditionFailed':
    case 'ConditionalRequestConflict':
      return new ObjectStoreError('conflict', 'other bytes were uploaded here before; objects never change', error);
    case 'XMinioStorageFull':
      return new ObjectStoreError('disk_full', 'the disk of the object store is full; try again once there is space', error);
    default:
      return error;
  }
}

/** Whether S3 answered that there is no such object. */
export function isNotFound(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === 'NotFound' || error.name === 'NoSuchKey');
}
