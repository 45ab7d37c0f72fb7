/** Milliseconds after which what went wrong is tried again. */
const retryMs = 5000;

/** When Jobs are to be looked at, by `Sweep.runFor`: milliseconds from now by name. */
export type Looks = ReadonlyMap<string, number>;

export interface SweepReport {
  readonly redispatched: number;
  /** Attempts that were ended here. */
  readonly ended: number;
  /** Jobs that were removed, or handed to the platform for removal. */
  readonly removed: number;
  /** What is in its grace, or went wrong. */
  readonly again: Looks;
  readonly errors: readonly { readonly jobNames: readonly string[]; readonly error: unknown }[];
}

/** A report that is being made. */
export class Tally implements SweepReport {
  redispatched = 0;
  ended = 0;
  removed = 0;
  readonly again = new Map<string, number>();
  readonly errors: { readonly jobNames: readonly string[]; readonly error: unknown }[] = [];

  failed(jobNames: readonly string[], error: unknown): void {
    this.errors.push({ jobNames, error });
    for (const jobName of jobNames) this.again.set(jobName, retryMs);
  }
}
