import type { Secret } from '@cloudscan/config';

export interface AzureStoreOptions {
  /** For objects of this store only. */
  readonly container: string;
  readonly accountName: string;
  /** Null: the identity that `DefaultAzureCredential` finds; it signs URLs by a user delegation key. */
  readonly accountKey: Secret | null;
  /** The blob service, with the account as path where it is not the host (Azurite). Null: the one that Azure has for the account. */
  readonly endpoint: string | null;
  /** What clients reach, in the form of `endpoint`. Null: `endpoint`. */
  readonly publicEndpoint: string | null;
}
