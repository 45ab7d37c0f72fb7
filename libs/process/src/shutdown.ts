/** What stopping needs from a logger. */
export interface ShutdownLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The order in which a process lets go. */
export const shutdownStages = ['not-ready', 'stop-intake', 'drain', 'cancel', 'close'] as const;
export type ShutdownStage = (typeof shutdownStages)[number];

interface Step {
  readonly name: string;
  readonly limitMs: number;
  readonly run: () => Promise<void> | void;
}

/**
 * Stops a process in named stages. The steps of one stage run side by side; each has a time limit, and neither a step that
 * fails nor one that is late keeps the next stage from running.
 */
export class Shutdown {
  readonly #steps = new Map<ShutdownStage, Step[]>();
  readonly #log: ShutdownLog;
  #running: Promise<void> | null = null;

  constructor(log: ShutdownLog) {
    this.#log = log;
  }

  /** @param limitMs milliseconds that the step may take */
  on(stage: ShutdownStage, name: string, limitMs: number, run: () => Promise<void> | void): void {
    const steps = this.#steps.get(stage) ?? [];
    steps.push({ name, limitMs, run });
    this.#steps.set(stage, steps);
  }

  /** Idempotent: every caller gets the same promise, which never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#runStages();
    return this.#running;
  }

  async #runStages(): Promise<void> {
    for (const stage of shutdownStages) {
      await Promise.all((this.#steps.get(stage) ?? []).map((step) => this.#runStep(stage, step)));
    }
  }

  async #runStep(stage: ShutdownStage, step: Step): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), step.limitMs);
    });
    try {
      const outcome = await Promise.race([Promise.resolve(step.run()), late]);
      if (outcome === 'late')
        this.#log.warn({ stage, step: step.name, limitMs: step.limitMs }, 'shutdown step is late; going on without it');
    } catch (error) {
      this.#log.warn({ stage, step: step.name, error }, 'shutdown step failed; going on');
    } finally {
      clearTimeout(timer);
    }
  }
}
