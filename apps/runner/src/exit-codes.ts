/**
 * How a runner ends. What reads them (libs/job-dispatch) trusts what the scan says first: an exit without CompleteScan and without a
 * reported failure is judged by its code. 1 is Node's own, for a fault of the runner.
 */
export const exitCodes = {
  /** CompleteScan was answered. */
  done: 0,
  badConfiguration: 2,
  /** The scan failed and the orchestrator was told why. */
  failed: 3,
  /** The orchestrator refused this attempt: the scan was cancelled or deleted, or another attempt is current. */
  refused: 4,
  /** The orchestrator could not be reached to the end, so it knows nothing of the outcome: worth another attempt. */
  unreachable: 5,
  /** SIGTERM or SIGINT, as a shell would report it. */
  stopped: 143,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
