import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { scan as wire } from '@cloudscan/contracts';
import type { FindingDraft } from '@cloudscan/domain';
import { findingDraftToWire } from '@cloudscan/grpc';

export interface FindingBatchesOptions {
  /** Where batches wait until they are sent. */
  readonly path: string;
  /** Sends one, the encoded field `findings` of CreateFindingsRequest; resolves when it is taken. Numbers go from 1. */
  readonly send: (batchNumber: number, findings: Buffer) => Promise<void>;
  readonly maxFindings?: number;
  /** Bytes of a batch on the wire: far below the 4 MiB that gRPC servers take by default. */
  readonly maxBytes?: number;
  readonly inFlight?: number;
}

/**
 * Gathers findings into numbered batches, keeps them in a file, and sends a few at a time. A server that is away holds up no
 * scanner and fills no memory: what waits is on disk.
 */
export class FindingBatches {
  readonly #options: Required<FindingBatchesOptions>;
  readonly #file: FileHandle;
  /** Where each batch lies in the file. */
  readonly #written: { readonly offset: number; readonly length: number }[] = [];
  readonly #senders: readonly Promise<void>[];
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #count = 0;
  #fileLength = 0;
  #writes: Promise<void> = Promise.resolve();
  #next = 0;
  #finished = false;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => undefined;
  #news = this.#nextNews();

  private constructor(file: FileHandle, options: FindingBatchesOptions) {
    this.#file = file;
    this.#options = { maxFindings: 1000, maxBytes: 1024 * 1024, inFlight: 3, ...options };
    this.#senders = Array.from({ length: this.#options.inFlight }, () => this.#sendLoop());
  }

  static async create(options: FindingBatchesOptions): Promise<FindingBatches> {
    return new FindingBatches(await open(options.path, 'w+', 0o600), options);
  }

  /** How many were added. */
  get count(): number {
    return this.#count;
  }

  /** May be called by several scanners at once. @throws what sending threw, from then on */
  async add(finding: FindingDraft): Promise<void> {
    this.#throwFailure();
    const bytes = encodeFinding(finding);
    if (this.#pending.length > 0 && this.#pendingBytes + bytes.length > this.#options.maxBytes) this.#flush();
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#count += 1;
    if (this.#pending.length >= this.#options.maxFindings) this.#flush();
    await this.#writes;
  }

  /** Resolves when all were taken. @throws what sending threw */
  async finish(): Promise<void> {
    if (this.#pending.length > 0) this.#flush();
    await this.#writes;
    this.#finished = true;
    this.#announce();
    await Promise.all(this.#senders);
    this.#throwFailure();
  }

  /** Sends nothing more and closes the file. Idempotent. */
  async close(): Promise<void> {
    this.#fail(new Error('the batches were closed'));
    await this.#writes.catch(() => undefined);
    await Promise.all(this.#senders);
    await this.#file.close();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#writes = this.#writes.then(async () => {
      await this.#file.appendFile(bytes);
      this.#written.push({ offset: this.#fileLength, length: bytes.length });
      this.#fileLength += bytes.length;
      this.#announce();
    });
    // Whoever awaits the writes gets the error; a batch that nobody awaits yet must not end the process.
    this.#writes.catch((error: unknown) => this.#fail(error));
  }

  async #sendLoop(): Promise<void> {
    for (;;) {
      while (this.#next >= this.#written.length) {
        if (this.#finished || this.#failure !== null) return;
        await this.#news;
      }
      if (this.#failure !== null) return;
      const index = this.#next;
      this.#next += 1;
      try {
        await this.#options.send(index + 1, await this.#read(index));
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  async #read(index: number): Promise<Buffer> {
    const { offset, length } = this.#written[index]!;
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#file.read(buffer, 0, length, offset);
    if (bytesRead !== length) throw new Error(`the file of findings ends at ${offset + bytesRead}`);
    return buffer;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#announce();
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  #announce(): void {
    const wake = this.#wake;
    this.#news = this.#nextNews();
    wake();
  }

  #nextNews(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** A finding as one element of the field `findings`: elements one behind the other are the field. */
function encodeFinding(finding: FindingDraft): Uint8Array {
  const findings = [findingDraftToWire(finding)];
  return wire.CreateFindingsRequest.encode({ scanId: '', findings, attempt: 0, runId: '', batchNumber: 0 }).finish();
}
