import type { FindingDraft } from '@cloudscan/domain';
import type { ScanContext } from './scanner.ts';

/** Hands findings on, counts them, and keeps apart whose fault an error is: the tool's or that of who takes them. */
export class Delivery {
  readonly #context: Pick<ScanContext, 'onFinding' | 'onProgress'>;
  findings = 0;
  /** Whether who takes the findings has thrown; then the tool is stopped and the error thrown on. */
  consumerFailed = false;

  constructor(context: Pick<ScanContext, 'onFinding' | 'onProgress'>) {
    this.#context = context;
  }

  async finding(finding: FindingDraft): Promise<void> {
    await this.#consume(() => this.#context.onFinding(finding));
    this.findings += 1;
  }

  progress(fraction: number): Promise<void> {
    return this.#consume(() => this.#context.onProgress(fraction));
  }

  async #consume(hand: () => void | Promise<void>): Promise<void> {
    try {
      await hand();
    } catch (error) {
      this.consumerFailed = true;
      throw error;
    }
  }
}
