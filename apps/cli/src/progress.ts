import type { WriteStream } from 'node:tty';
import { styleOf, visible } from './output/text-style.ts';

/** Shows how far a long piece of work is. All of it goes to standard error. */
export interface ProgressView {
  /** @param percent 0 to 100 */
  update(percent: number, step: string): void;
  /** A line that stays. */
  note(text: string): void;
  /** Takes the bar away. */
  end(): void;
}

const barWidth = 28;
/** Milliseconds between two drawings. */
const frameMs = 80;

/** A bar with the current step on a terminal, otherwise a plain line for each new step. */
export function createProgressView(output: WriteStream): ProgressView {
  return output.isTTY ? new BarView(output) : new LineView(output);
}

class LineView implements ProgressView {
  readonly #output: WriteStream;
  #last = '';

  constructor(output: WriteStream) {
    this.#output = output;
  }

  update(percent: number, step: string): void {
    if (step === this.#last) return;
    this.#last = step;
    this.#output.write(`[${String(Math.round(percent)).padStart(3)}%] ${visible(step)}\n`);
  }

  note(text: string): void {
    this.#output.write(`${text}\n`);
  }

  end(): void {
    this.#last = '';
  }
}

class BarView implements ProgressView {
  readonly #output: WriteStream;
  #drawnAt = 0;
  #text = '';

  constructor(output: WriteStream) {
    this.#output = output;
  }

  update(percent: number, step: string): void {
    const { colours, width } = styleOf(this.#output);
    const filled = Math.round((Math.min(Math.max(percent, 0), 100) / 100) * barWidth);
    const bar = colours.cyan('█'.repeat(filled)) + colours.dim('░'.repeat(barWidth - filled));
    const room = width - barWidth - 8;
    this.#text = `${bar} ${String(Math.round(percent)).padStart(3)}% ${visible(step).slice(0, Math.max(room, 0))}`;
    const now = performance.now();
    if (now - this.#drawnAt < frameMs && percent < 100) return;
    this.#drawnAt = now;
    this.#draw();
  }

  note(text: string): void {
    this.#clear();
    this.#output.write(`${text}\n`);
    if (this.#text !== '') this.#draw();
  }

  end(): void {
    this.#clear();
    this.#text = '';
  }

  #draw(): void {
    this.#clear();
    this.#output.write(this.#text);
  }

  #clear(): void {
    this.#output.write('\r\u001b[2K');
  }
}
