/** Why an attempt failed. A closed list: the database, the wire and the runbooks hold the same one. */
export const failureReasons = [
  'tool_error',
  'oom_killed',
  'evicted',
  'preempted',
  'image_pull',
  'unschedulable',
  'deadline_exceeded',
  'source_missing',
  'source_invalid',
  'quota',
  'runner_lost',
  'cancelled',
  'internal',
] as const;
export type FailureReason = (typeof failureReasons)[number];

/**
 * Whether a new attempt can help: only where the infrastructure failed, not the tool or the source.
 */
export function isRetryable(reason: FailureReason): boolean {
  switch (reason) {
    case 'evicted':
    case 'preempted':
    case 'runner_lost':
    case 'image_pull':
    case 'unschedulable':
    case 'internal':
      return true;
    case 'oom_killed':
    case 'deadline_exceeded':
    case 'tool_error':
    case 'source_missing':
    case 'source_invalid':
    case 'quota':
    case 'cancelled':
      return false;
  }
}

/** What the platform saw of an attempt's end. */
export interface FailureEvidence {
  readonly exitCode?: number;
  readonly signal?: string;
  /** A Kubernetes condition or its local counterpart. */
  readonly condition?: string;
  /** What the platform said of the condition. */
  readonly message?: string;
  /** At most 4 KiB, secrets redacted. */
  readonly logTail?: string;
}
