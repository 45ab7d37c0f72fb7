import { ApiError, Storage } from '@google-cloud/storage';
import type { Secret } from '@cloudscan/config';
import { JWT } from 'google-auth-library';
import { ObjectStoreError } from '../errors.ts';

export interface GcsStoreOptions {
  /** For objects of this store only. */
  readonly bucket: string;
  /** Null: the project of the credentials. */
  readonly projectId: string | null;
  /** Null: that of Google. Credentials go to it over HTTPS only: by plain HTTP an emulator is called without. */
  readonly endpoint: string | null;
  /** What clients reach; URLs are signed for it. Null: `endpoint`. */
  readonly publicEndpoint: string | null;
  /** Those of a service account's key file. Null: application default credentials, which sign by the IAM API where they hold no key. */
  readonly credentials: { readonly clientEmail: string; readonly privateKey: Secret } | null;
}

/** Objects, and nothing of their access rules. */
const scope = 'https://www.googleapis.com/auth/devstorage.read_write';

export function createClient({ projectId, endpoint, credentials }: GcsStoreOptions): Storage {
  return new Storage({
    ...(projectId === null ? {} : { projectId }),
    ...(endpoint === null ? {} : { apiEndpoint: endpoint, useAuthWithCustomEndpoint: endpoint.startsWith('https:') }),
    ...(credentials === null
      ? {}
      : { authClient: new JWT({ email: credentials.clientEmail, key: credentials.privateKey.reveal(), scopes: [scope] }) }),
  });
}

/** Answers of GCS that callers can act on, as the port names them; anything else as it is. */
export function asStoreError(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  switch (error.code) {
    case 404:
      return new ObjectStoreError('invalid_part', 'a part is not there any more', error);
    case 412:
      return new ObjectStoreError('conflict', 'other bytes were uploaded here before; objects never change', error);
    default:
      return error;
  }
}

/** Whether GCS answered that there is no such object. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}
