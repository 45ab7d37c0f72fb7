import type { Secret } from '@cloudscan/config';

export interface GcsStoreOptions {
  /** For objects of this store only. */
  readonly bucket: string;
  /** Null: the project of the credentials. */
  readonly projectId: string | null;
  /** Null: that of Google. */
  readonly endpoint: string | null;
  /** What clients reach; URLs are signed for it. Null: `endpoint`. */
  readonly publicEndpoint: string | null;
  /** Those of a service account's key file. Null: application default credentials, which sign by the IAM API where they hold no key. */
  readonly credentials: { readonly clientEmail: string; readonly privateKey: Secret } | null;
}
