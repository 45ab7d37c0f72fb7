import {
  BlobSASPermissions,
  BlobServiceClient,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { BlobSASSignatureValues, SASQueryParameters } from '@azure/storage-blob';
import { attachmentDisposition } from '../content-disposition.ts';
import { objectNameOf } from '../object-name.ts';
import type { PresignedPut, PresignedUrl, PresignGetRequest, PresignPartRequest, PresignPutRequest } from '../object-store.ts';
import { requirePartNumber } from '../part-number.ts';
import { stagingNameOf } from '../staging-name.ts';
import { blockIdOf } from './block-id.ts';
import { endpointOf } from './client.ts';
import type { AzureCredential, AzureStoreOptions } from './client.ts';
import { DelegationKeys, maxDelegatedMs } from './delegation-keys.ts';

type Grant = Pick<BlobSASSignatureValues, 'contentDisposition' | 'contentType' | 'cacheControl'> & {
  readonly blobName: string;
  /** Create, write or read. `w` could replace the blob, so it is given for a staged upload only, never for an object. */
  readonly permission: 'c' | 'w' | 'r';
  readonly expiresAt: Date;
};

/** Signs URLs (service SAS, or user delegation SAS) for the endpoint that clients reach. Speaks to nobody, but for delegation keys. */
export class AzurePresigner {
  readonly #options: AzureStoreOptions;
  readonly #endpoint: string;
  readonly #publicEndpoint: string;
  readonly #key: StorageSharedKeyCredential | DelegationKeys;

  constructor(options: AzureStoreOptions, credential: AzureCredential) {
    this.#options = options;
    this.#endpoint = endpointOf(options);
    this.#publicEndpoint = options.publicEndpoint?.replace(/\/$/, '') ?? this.#endpoint;
    this.#key = credential instanceof StorageSharedKeyCredential ? credential : keysOf(new BlobServiceClient(this.#endpoint, credential));
  }

  /** Throws when nothing can be signed. */
  async check(): Promise<void> {
    if (this.#key instanceof DelegationKeys) await this.#key.current();
  }

  /** A SAS binds neither length nor checksum. */
  async put({ key, expected, contentType, expiresAt }: PresignPutRequest): Promise<PresignedPut> {
    const signed = await this.#sign(this.#publicEndpoint, { blobName: objectNameOf(key), permission: 'c', expiresAt });
    const headers = {
      'Content-Type': contentType,
      'x-ms-blob-type': 'BlockBlob',
      'If-None-Match': '*',
      ...(expected.sizeBytes === null ? {} : { 'Content-Length': String(expected.sizeBytes) }),
    };
    return { ...signed, headers };
  }

  get({ key, filename, contentType, expiresAt }: PresignGetRequest): Promise<PresignedUrl> {
    return this.#sign(this.#publicEndpoint, {
      blobName: objectNameOf(key),
      permission: 'r',
      expiresAt,
      contentDisposition: attachmentDisposition(filename),
      contentType,
      cacheControl: 'private, no-cache',
    });
  }

  async part({ key, uploadId, partNumber, expiresAt }: PresignPartRequest): Promise<PresignedUrl> {
    requirePartNumber(partNumber);
    const signed = await this.#sign(this.#publicEndpoint, { blobName: stagingNameOf(key, uploadId), permission: 'w', expiresAt });
    const block = new URLSearchParams({ comp: 'block', blockid: blockIdOf({ partNumber, signedAt: Date.now() }) });
    return { ...signed, url: `${signed.url}&${block.toString()}` };
  }

  /** For Azure itself, which reads a source of a copy by URL. */
  source(blobName: string, expiresAt: Date): Promise<PresignedUrl> {
    return this.#sign(this.#endpoint, { blobName, permission: 'r', expiresAt });
  }

  async #sign(endpoint: string, { permission, expiresAt, ...grant }: Grant): Promise<PresignedUrl> {
    const sas = await this.#query({
      ...grant,
      containerName: this.#options.container,
      permissions: BlobSASPermissions.parse(permission),
      protocol: endpoint.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
      expiresOn: this.#endOf(expiresAt),
    });
    const url = `${endpoint}/${this.#options.container}/${grant.blobName}?${sas.toString()}`;
    return { url, expiresAt: sas.expiresOn ?? expiresAt };
  }

  async #query(values: BlobSASSignatureValues): Promise<SASQueryParameters> {
    return this.#key instanceof DelegationKeys
      ? generateBlobSASQueryParameters(values, await this.#key.current(), this.#options.accountName)
      : generateBlobSASQueryParameters(values, this.#key);
  }

  /** A SAS ends in whole seconds, and never after the key that signed it. */
  #endOf(expiresAt: Date): Date {
    const latest = this.#key instanceof DelegationKeys ? Date.now() + maxDelegatedMs : Infinity;
    return new Date(Math.floor(Math.min(expiresAt.getTime(), latest) / 1000) * 1000);
  }
}

function keysOf(service: BlobServiceClient): DelegationKeys {
  return new DelegationKeys((from, until) => service.getUserDelegationKey(from, until));
}
