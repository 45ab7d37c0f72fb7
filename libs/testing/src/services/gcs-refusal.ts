/** An answer of the XML API of Google Cloud Storage that is not a success. */
export class GcsRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.name = 'GcsRefusal';
    this.status = status;
    this.code = code;
  }
}
