import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Characters gathered before they are written. */
const bufferLength = 256 * 1024;

/** The elements of a JSON array, gathered on disk until the log around them is written. */
export class PartFile {
  readonly path: string;
  readonly #file: FileHandle;
  #pending = '';
  #count = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** Replaces what stands there. */
  static async create(path: string): Promise<PartFile> {
    return new PartFile(path, await open(path, 'w', 0o600));
  }

  /** How many elements were added. */
  get count(): number {
    return this.#count;
  }

  /** Not to be called again before it has resolved. */
  async add(element: object): Promise<void> {
    this.#pending += (this.#count === 0 ? '' : ',\n') + JSON.stringify(element);
    this.#count += 1;
    if (this.#pending.length >= bufferLength) await this.#flush();
  }

  /** Writes what is pending. Idempotent. */
  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await this.#file.close();
    }
  }

  async #flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (text !== '') await this.#file.appendFile(text);
  }
}
