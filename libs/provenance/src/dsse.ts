import { sign, verify } from 'node:crypto';
import { AttestationError } from './attestation-error.ts';
import type { SigningKey, VerificationKey } from './keys.ts';

/** What a DSSE envelope of JSON is called in stores. */
export const envelopeMediaType = 'application/vnd.dsse.envelope.v1+json';

/** A DSSE envelope, JSON form (secure-systems-lab/dsse, envelope.md 1.0). */
interface Envelope {
  /** Base64. */
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[];
}

/** A payload whose signature is good. */
export interface OpenedEnvelope {
  readonly payload: Buffer;
  readonly keyId: string;
}

/** What a signature covers: the pre-authentication encoding (DSSE protocol.md). Lengths are bytes. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}

/** The same bytes for the same payload and key: Ed25519 draws nothing (RFC 8032). */
export function sealEnvelope(payloadType: string, payload: Uint8Array, key: SigningKey): Buffer {
  const sig = sign(null, preAuthEncoding(payloadType, payload), key.privateKey).toString('base64');
  const envelope: Envelope = { payload: Buffer.from(payload).toString('base64'), payloadType, signatures: [{ keyid: key.id, sig }] };
  return Buffer.from(`${JSON.stringify(envelope)}\n`);
}

/**
 * Opens an envelope that one of the keys has signed. The key id in it is only a hint, so every key is tried.
 *
 * @throws AttestationError when it is none, is of another type, or no key has signed it
 */
export function openEnvelope(bytes: Uint8Array, payloadType: string, keys: readonly VerificationKey[]): OpenedEnvelope {
  const envelope = parseEnvelope(bytes);
  const payload = decodeBase64(envelope.payload, 'payload');
  const signed = preAuthEncoding(envelope.payloadType, payload);
  const signatures = envelope.signatures.map(({ sig }) => decodeBase64(sig, 'signature'));
  const key = keys.find(({ publicKey }) => signatures.some((signature) => verify(null, signed, publicKey, signature)));
  if (key === undefined) throw new AttestationError(noKey(envelope, keys));
  if (envelope.payloadType !== payloadType) {
    throw new AttestationError(`the envelope holds ${JSON.stringify(envelope.payloadType)}; ${payloadType} is expected`);
  }
  return { payload, keyId: key.id };
}

function noKey({ signatures }: Envelope, keys: readonly VerificationKey[]): string {
  const claims = keys.some(({ id }) => signatures.some(({ keyid }) => keyid === id));
  if (claims) return 'the signature is wrong: the attestation was changed after it was signed';
  const ids = signatures.map(({ keyid }) => keyid || 'a key without an id').join(', ');
  return `the attestation is signed by ${ids || 'nobody'}, which is none of the ${keys.length} keys given`;
}

function parseEnvelope(bytes: Uint8Array): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new AttestationError('the attestation is no JSON', error);
  }
  if (!isEnvelope(value)) throw new AttestationError('the attestation is no DSSE envelope');
  return value;
}

function isEnvelope(value: unknown): value is Envelope {
  const { payload, payloadType, signatures } = (value ?? {}) as Record<string, unknown>;
  return typeof payload === 'string' && typeof payloadType === 'string' && Array.isArray(signatures) && signatures.every(isSignature);
}

function isSignature(value: unknown): boolean {
  const { keyid = '', sig } = (value ?? {}) as Record<string, unknown>;
  return typeof keyid === 'string' && typeof sig === 'string';
}

/** Standard or URL-safe, as verifiers must take both (DSSE protocol.md). */
function decodeBase64(text: string, what: string): Buffer {
  if (!/^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/.test(text)) throw new AttestationError(`the ${what} is no base64`);
  return Buffer.from(text, 'base64');
}
