import type { Progress } from '@cloudscan/domain';
import { PeriodicTask } from '@cloudscan/process';

/** A step and the part of the whole that it is, in percent. */
export const steps = {
  download: { from: 0, to: 10 },
  clone: { from: 0, to: 20 },
  unpack: { from: 10, to: 20 },
  scan: { from: 20, to: 92 },
  upload: { from: 92, to: 98 },
  complete: { from: 98, to: 100 },
} as const;
export type Step = keyof typeof steps;

export interface ProgressReporterOptions {
  readonly send: (progress: Progress, signal: AbortSignal) => Promise<void>;
  /** Gets what a report threw: the attempt may have been refused. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds between two reports; 1,000 by default. */
  readonly intervalMs?: number;
  /** Milliseconds after which a report is sent though nothing has changed: it says that the run lives, and brings a cancel back. */
  readonly heartbeatMs?: number;
}

/** Reports how far the run has come, about once a second at most; the percentage never falls. */
export class ProgressReporter {
  readonly #options: ProgressReporterOptions;
  readonly #task: PeriodicTask;
  #progress: Progress = { step: 'download', percent: 0, message: '' };
  #sent: Progress | null = null;
  #sentAt = 0;

  constructor(options: ProgressReporterOptions) {
    this.#options = options;
    const periodic = { name: 'progress', intervalMs: options.intervalMs ?? 1000, onError: options.onError };
    this.#task = new PeriodicTask(periodic, (signal) => this.runOnce(signal));
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** @param fraction of the step, 0 to 1 */
  set(step: Step, fraction: number, message = ''): void {
    const { from, to } = steps[step];
    const percent = Math.round(from + (to - from) * Math.min(1, Math.max(0, fraction)));
    this.#progress = { step, percent: Math.max(percent, this.#progress.percent), message };
  }

  async start(): Promise<void> {
    await this.#task.start();
  }

  /** No report is under way any more once it has resolved. */
  async stop(): Promise<void> {
    await this.#task.stop();
  }

  async runOnce(signal: AbortSignal): Promise<void> {
    const progress = this.#progress;
    const quietMs = performance.now() - this.#sentAt;
    if (progress === this.#sent && quietMs < (this.#options.heartbeatMs ?? 10_000)) return;
    await this.#options.send(progress, signal);
    this.#sent = progress;
    this.#sentAt = performance.now();
  }
}
