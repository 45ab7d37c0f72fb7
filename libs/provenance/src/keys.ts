import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { AttestationError } from './attestation-error.ts';

/** Ed25519, as PEM of PKCS #8 (private) or SubjectPublicKeyInfo (public), which is what `openssl genpkey` and `openssl pkey` write. */
export interface VerificationKey {
  /** SHA-256 of the public key's SubjectPublicKeyInfo (DER), in lower-case hexadecimal. */
  readonly id: string;
  readonly publicKey: KeyObject;
}

export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject;
}

const publicBlock = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

/** @throws AttestationError for anything but one Ed25519 private key; it never shows the text */
export function parseSigningKey(pem: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw new AttestationError('is no private key in PEM');
  }
  return { ...verificationKeyOf(createPublicKey(privateKey)), privateKey };
}

/** One key or several, one after the other. @throws AttestationError */
export function parseVerificationKeys(pem: string): readonly VerificationKey[] {
  const blocks = pem.match(publicBlock);
  if (blocks === null) throw new AttestationError('holds no public key in PEM');
  return blocks.map((block) => {
    try {
      return verificationKeyOf(createPublicKey(block));
    } catch (error) {
      throw error instanceof AttestationError ? error : new AttestationError('holds a public key that cannot be read');
    }
  });
}

/** PEM that {@link parseVerificationKeys} reads. */
export function formatVerificationKey({ publicKey }: VerificationKey): string {
  return publicKey.export({ type: 'spki', format: 'pem' }) as string;
}

function verificationKeyOf(publicKey: KeyObject): VerificationKey {
  if (publicKey.asymmetricKeyType !== 'ed25519') {
    throw new AttestationError(`is a key of type ${publicKey.asymmetricKeyType}; attestations are signed by Ed25519`);
  }
  const id = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return { id, publicKey };
}
