import { DefaultAzureCredential } from '@azure/identity';
import type { TokenCredential } from '@azure/identity';
import { ContainerClient, RestError, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { Secret } from '@cloudscan/config';
import { ObjectStoreError } from '../errors.ts';

export interface AzureStoreOptions {
  /** For objects of this store only. */
  readonly container: string;
  readonly accountName: string;
  /** Null: the identity that `DefaultAzureCredential` finds; URLs are signed by a user delegation key then. */
  readonly accountKey: Secret | null;
  /** Of the blob service, with the account as path where it is not the host (Azurite). Null: the one that Azure has for the account. */
  readonly endpoint: string | null;
  /** What clients reach, in the form of `endpoint`. Null: `endpoint`. */
  readonly publicEndpoint: string | null;
}

export type AzureCredential = StorageSharedKeyCredential | TokenCredential;

/** The key of the account, or whom the environment, the pod or the machine says that this process is. */
export function credentialOf({ accountName, accountKey }: AzureStoreOptions): AzureCredential {
  return accountKey === null ? new DefaultAzureCredential() : new StorageSharedKeyCredential(accountName, accountKey.reveal());
}

export function endpointOf({ accountName, endpoint }: AzureStoreOptions): string {
  return (endpoint ?? `https://${accountName}.blob.core.windows.net`).replace(/\/$/, '');
}

export function createClient(options: AzureStoreOptions, credential: AzureCredential): ContainerClient {
  return new ContainerClient(`${endpointOf(options)}/${options.container}`, credential);
}

/** Answers of Azure that callers can act on, as the port names them; anything else as it is. */
export function asStoreError(error: unknown): unknown {
  switch (codeOf(error)) {
    case 'BlobAlreadyExists':
    case 'ConditionNotMet':
    // Whoever uploads an object whole drops the blocks that were to become it.
    case 'InvalidBlockList':
      return new ObjectStoreError('conflict', 'other bytes were uploaded here before; objects never change', error);
    case 'BlobNotFound':
      return new ObjectStoreError('upload_not_found', 'there is no such multipart upload; it was completed, aborted or given up', error);
    case 'BlockCountExceedsLimit':
    case 'BlobTooLarge':
      return new ObjectStoreError('too_large', 'the upload has more bytes than the object store takes', error);
    default:
      return error;
  }
}

/** Whether Azure answered that there is no such blob. */
export function isNotFound(error: unknown): boolean {
  return codeOf(error) === 'BlobNotFound';
}

/** An answer to HEAD has no body, and so its code in a header alone. */
function codeOf(error: unknown): string | null {
  if (!(error instanceof RestError)) return null;
  return error.code ?? (error.details as { readonly errorCode?: string } | undefined)?.errorCode ?? null;
}
