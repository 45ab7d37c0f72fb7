/** Why an envelope, a statement or a key is not to be believed, in one sentence. */
export class AttestationError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'AttestationError';
  }
}
