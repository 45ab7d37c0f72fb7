import type { FailureReason } from '@cloudscan/domain';

/** What ended a run where it was not the runner itself; kept as the `condition` of its evidence. */
export const runConditions = [
  /** More memory than the limit, or the kernel's out-of-memory killer. */
  'OOMKilled',
  'DeadlineExceeded',
  /** Its supervisor was told to stop it. */
  'Terminated',
  /** The supervisor died and could record nothing. */
  'SupervisorLost',
  /** No supervisor ever took it. */
  'NeverStarted',
  /** The runner's program could not be started. */
  'StartFailed',
] as const;
export type RunCondition = (typeof runConditions)[number];

export interface RunEnd {
  /** Null when a signal ended it, or when it never ran. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly condition: string | null;
  /** Somebody asked for this very run to stop. */
  readonly cancelRequested: boolean;
}

/** Those of the runner's exit codes (apps/runner) that say more than that something is wrong. */
const runnerExitCodes = { done: 0, failed: 3, unreachable: 5 } as const;

/**
 * Why a run ended, from what its supervisor saw; null when it ended well. The condition counts first, since a limit that
 * was enforced shows as SIGKILL as well; then the signal; then the exit code. A shell reports a signal as 128 + its number
 * (POSIX, 2.8.2), so both spellings mean the same.
 */
export function classifyExit({ exitCode, signal, condition, cancelRequested }: RunEnd): FailureReason | null {
  switch (condition) {
    case 'OOMKilled':
      return 'oom_killed';
    case 'DeadlineExceeded':
      return 'deadline_exceeded';
    case 'Terminated':
      return cancelRequested ? 'cancelled' : 'preempted';
    case 'SupervisorLost':
    case 'NeverStarted':
      return 'runner_lost';
    case 'StartFailed':
      return 'internal';
    default:
      return signal === null && exitCode !== null ? classifyExitCode(exitCode) : classifySignal(signal);
  }
}

function classifyExitCode(exitCode: number): FailureReason | null {
  switch (exitCode) {
    case runnerExitCodes.done:
      return null;
    case runnerExitCodes.failed:
      return 'tool_error';
    case runnerExitCodes.unreachable:
      return 'runner_lost';
    case 128 + 9:
      return classifySignal('SIGKILL');
    case 128 + 15:
      return classifySignal('SIGTERM');
    case 128 + 6:
      return classifySignal('SIGABRT');
    // A wrong configuration (2), a refusal (4) though the scan waits, Node's own codes (1 uncaught, 9 bad option, 13 unsettled
    // await), 126 and 127 of the shell: a fault of ours.
    default:
      return 'internal';
  }
}

function classifySignal(signal: string | null): FailureReason {
  switch (signal) {
    // V8 aborts when its heap is full.
    case 'SIGABRT':
      return 'oom_killed';
    // Whoever stops the machine or its processes sends these.
    case 'SIGTERM':
    case 'SIGINT':
    case 'SIGHUP':
      return 'preempted';
    case 'SIGSEGV':
    case 'SIGBUS':
    case 'SIGILL':
    case 'SIGFPE':
      return 'internal';
    // SIGKILL that was neither ours nor the kernel's for want of memory, and what nobody foresaw.
    default:
      return 'runner_lost';
  }
}
