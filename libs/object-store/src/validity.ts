/** The longest that version 4 signatures, of AWS and of Google, let a URL live. */
const maxSeconds = 7 * 24 * 3600;

export interface Validity {
  readonly signedAt: Date;
  /** Seconds. */
  readonly expiresIn: number;
}

/** A version 4 signature counts from its date on, in whole seconds; one that has ended is signed in the past, so that the store refuses it. */
export function validityUntil(expiresAt: Date, now: Date): Validity {
  const nowSeconds = Math.floor(now.getTime() / 1000);
  const seconds = Math.floor(expiresAt.getTime() / 1000) - nowSeconds;
  if (seconds < 1) return { signedAt: new Date((nowSeconds + seconds - 1) * 1000), expiresIn: 1 };
  return { signedAt: new Date(nowSeconds * 1000), expiresIn: Math.min(seconds, maxSeconds) };
}
