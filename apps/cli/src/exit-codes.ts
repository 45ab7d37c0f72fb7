/** What the command line answers to the shell. */
export const exitCodes = {
  /** No finding at or above the threshold. */
  clean: 0,
  /** A finding at or above `--fail-on`. */
  findings: 1,
  /** Wrong usage or configuration, or a server that cannot be reached. */
  usage: 2,
  /** The scan failed or was cancelled. */
  scanFailed: 3,
  /** An attestation that is not true, or not signed by a key that is trusted. */
  notVerified: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** An error of usage or configuration: one sentence for the user, without a stack. */
export class UsageError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'UsageError';
  }
}
