import type { FailureReason } from '@cloudscan/domain';

/** Ends a run as failed. The message is a sentence for the user that says what to do; it holds no secret. */
export class RunFailure extends Error {
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RunFailure';
    this.reason = reason;
  }
}

/** The orchestrator wants nothing more of this attempt: everything stops, and nobody is called any more. */
export class AttemptRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AttemptRefused';
  }
}

/** SIGTERM or SIGINT. */
export class RunStopped extends Error {
  constructor() {
    super('the runner was told to stop');
    this.name = 'RunStopped';
  }
}

/** What a thrown value means for the scan. A full disk is told apart by its code, since more of it helps. */
export function toRunFailure(error: unknown): RunFailure {
  if (error instanceof RunFailure) return error;
  if ((error as NodeJS.ErrnoException | null)?.code === 'ENOSPC') {
    return new RunFailure('internal', 'the disk of the runner is full; give it more space or scan less', error);
  }
  return new RunFailure('internal', 'the runner failed for a reason of its own; see its log', error);
}
