import type { Storage } from '@google-cloud/storage';
import { attachmentDisposition } from '../content-disposition.ts';
import { objectNameOf } from '../object-name.ts';
import type { PresignedPut, PresignedUrl, PresignGetRequest, PresignPartRequest, PresignPutRequest } from '../object-store.ts';
import { requirePartNumber } from '../part-number.ts';
import { validityUntil } from '../validity.ts';
import type { GcsStoreOptions } from './client.ts';
import { partNameOf } from './multipart.ts';
import { signV4 } from './v4-signature.ts';
import type { SignedRequest } from './v4-signature.ts';

type Grant = Pick<SignedRequest, 'method'> &
  Partial<Pick<SignedRequest, 'headers' | 'query'>> & { readonly name: string; readonly expiresAt: Date };

/** Signs URLs for the endpoint that clients reach. Speaks to nobody, but where the credentials hold no key. */
export class GcsPresigner {
  readonly #storage: Storage;
  readonly #bucket: string;
  readonly #endpoint: URL;
  #clientEmail: Promise<string> | null;

  constructor(storage: Storage, { bucket, endpoint, publicEndpoint, credentials }: GcsStoreOptions) {
    this.#storage = storage;
    this.#clientEmail = credentials === null ? null : Promise.resolve(credentials.clientEmail);
    this.#bucket = bucket;
    this.#endpoint = new URL(publicEndpoint ?? endpoint ?? 'https://storage.googleapis.com');
  }

  /** Throws when nothing can be signed. */
  async check(): Promise<void> {
    await this.#email();
  }

  /** A SHA-256 cannot be bound: GCS knows MD5 and CRC-32C. */
  async put({ key, expected, contentType, expiresAt }: PresignPutRequest): Promise<PresignedPut> {
    const bound = {
      // The first upload is the object.
      'x-goog-if-generation-match': '0',
      'x-goog-content-length-range': `${expected.sizeBytes ?? 0},${expected.sizeBytes ?? expected.maxBytes}`,
    };
    const signed = await this.#sign({ method: 'PUT', name: objectNameOf(key), headers: bound, expiresAt });
    const headers = {
      'Content-Type': contentType,
      ...(expected.sizeBytes === null ? {} : { 'Content-Length': String(expected.sizeBytes) }),
      ...bound,
    };
    return { ...signed, headers };
  }

  get({ key, filename, contentType, expiresAt }: PresignGetRequest): Promise<PresignedUrl> {
    const query = { 'response-content-disposition': attachmentDisposition(filename), 'response-content-type': contentType };
    return this.#sign({ method: 'GET', name: objectNameOf(key), query, expiresAt });
  }

  part({ key, uploadId, partNumber, expiresAt }: PresignPartRequest): Promise<PresignedUrl> {
    requirePartNumber(partNumber);
    return this.#sign({ method: 'PUT', name: partNameOf(key, uploadId, partNumber), expiresAt });
  }

  async #sign({ name, expiresAt, method, headers = {}, query = {} }: Grant): Promise<PresignedUrl> {
    const validity = validityUntil(expiresAt, new Date());
    const request = { method, headers, query, path: `/${this.#bucket}/${name}`, host: this.#endpoint.host, ...validity };
    const sign = (text: string): Promise<string> => this.#storage.authClient.sign(text);
    const url = this.#endpoint.origin + (await signV4(request, { clientEmail: await this.#email(), sign }));
    return { url, expiresAt: new Date(validity.signedAt.getTime() + validity.expiresIn * 1000) };
  }

  #email(): Promise<string> {
    this.#clientEmail ??= this.#askEmail().catch((error: unknown) => {
      this.#clientEmail = null;
      throw error;
    });
    return this.#clientEmail;
  }

  async #askEmail(): Promise<string> {
    const { client_email: email } = await this.#storage.authClient.getCredentials();
    if (email === undefined) throw new Error('the Google credentials name no service account, so that they cannot sign URLs');
    return email;
  }
}
