import type { UnpackLimits } from '../config.ts';
import { RunFailure } from '../run-failure.ts';

/** Counts what a source comes to, and ends the run at the first limit. @see UnpackLimits */
export class UnpackBudget {
  readonly #limits: UnpackLimits;
  readonly #packedBytes: number;
  #members = 0;
  #bytes = 0;
  #rawBytes = 0;

  /** @param packedBytes of the archive; infinite where there is none, as in a clone */
  constructor(limits: UnpackLimits, packedBytes = Number.POSITIVE_INFINITY) {
    this.#limits = limits;
    this.#packedBytes = packedBytes;
  }

  get members(): number {
    return this.#members;
  }

  get bytes(): number {
    return this.#bytes;
  }

  addMember(): void {
    this.#members += 1;
    if (this.#members > this.#limits.maxMembers) {
      throw tooMuch(`more than ${this.#limits.maxMembers} files and folders`, 'UNPACK_MAX_MEMBERS');
    }
  }

  /**
   * Bytes of a file that is being written; what an archive says of its size is not believed.
   *
   * @param fileBytes how many the file has with these
   */
  addBytes(count: number, fileBytes: number): void {
    this.#bytes += count;
    const { maxBytes, maxFileBytes } = this.#limits;
    if (fileBytes > maxFileBytes) throw tooMuch(`a file of more than ${maxFileBytes} bytes`, 'UNPACK_MAX_FILE_BYTES');
    if (this.#bytes > maxBytes) throw tooMuch(`more than ${maxBytes} bytes in all`, 'UNPACK_MAX_BYTES');
    this.#checkRatio(this.#bytes);
  }

  /** Bytes that come out of decompression, headers and what is passed over included: they cost time too. */
  addRawBytes(count: number): void {
    this.#rawBytes += count;
    const { maxBytes, maxMembers } = this.#limits;
    // A member of a tar costs a header and padding, three more blocks where its name is long.
    if (this.#rawBytes > maxBytes + maxMembers * 2560) throw tooMuch(`more than ${maxBytes} bytes in all`, 'UNPACK_MAX_BYTES');
    this.#checkRatio(this.#rawBytes);
  }

  /** @throws RunFailure for a path that is too long for the file system or the findings */
  checkPath(path: string): void {
    const { maxPathBytes } = this.#limits;
    if (Buffer.byteLength(path) > maxPathBytes || path.split('/').some((segment) => Buffer.byteLength(segment) > 255)) {
      throw tooMuch(
        `a path of more than ${maxPathBytes} bytes or a name of more than 255 (${JSON.stringify(path.slice(0, 60))}…)`,
        'UNPACK_MAX_PATH_BYTES',
      );
    }
  }

  #checkRatio(bytes: number): void {
    const { maxRatio, ratioFromBytes } = this.#limits;
    if (bytes > ratioFromBytes && bytes > maxRatio * this.#packedBytes) {
      throw tooMuch(`more than ${maxRatio} bytes for each packed one, as archives do that are made to fill disks`, 'UNPACK_MAX_RATIO');
    }
  }
}

function tooMuch(what: string, variable: string): RunFailure {
  return new RunFailure(
    'source_invalid',
    `the source holds ${what}; leave out what need not be scanned, or raise the runner's ${variable}`,
  );
}
