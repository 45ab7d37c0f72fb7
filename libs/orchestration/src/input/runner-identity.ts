import type { RunnerIdentity } from '../ports/scan-repository.ts';
import type { RequestReader } from './request-reader.ts';

/** How a runner names its attempt and run; 0 and '' from older runners, which know neither. */
export interface GivenRunnerIdentity {
  readonly attempt: number;
  readonly runId: string;
}

export function readRunnerIdentity(reader: RequestReader, { attempt, runId }: GivenRunnerIdentity): RunnerIdentity {
  return { attempt: readAttempt(reader, attempt), runId: reader.optionalId('run_id', runId) };
}

/** Null for 0: the current attempt. */
export function readAttempt(reader: RequestReader, attempt: number): number | null {
  return reader.integer('attempt', attempt, { min: 0, max: 2 ** 31 - 1 }) === 0 ? null : attempt;
}
