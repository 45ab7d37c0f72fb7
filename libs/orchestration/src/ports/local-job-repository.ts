import type { SystemScope } from '@cloudscan/auth';

/** A process as told apart from a later one with the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Opaque; equal for the same process only. */
  readonly startedAt: string;
}

/** A run on this machine. Its supervisor writes it, the dispatcher and the sweeper read it. */
export interface LocalJob {
  readonly jobName: string;
  readonly scanId: string;
  readonly organizationId: string;
  readonly attempt: number;
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed';
  /** Null until a supervisor owns the run. */
  readonly supervisor: ProcessMark | null;
  /** Null until the runner was started. */
  readonly runner: ProcessMark | null;
  readonly workDir: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What ended the run, where it was not the runner itself. */
  readonly condition: string | null;
  readonly logTail: string | null;
  readonly cancelRequested: boolean;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

export interface NewLocalJob {
  readonly jobName: string;
  readonly scanId: string;
  readonly organizationId: string;
  readonly attempt: number;
  readonly workDir: string;
  readonly at: Date;
}

export interface LocalJobEnd {
  readonly phase: 'succeeded' | 'failed';
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly condition: string | null;
  readonly logTail: string | null;
  readonly at: Date;
}

/**
 * The runs of this machine. Every write says which state it may leave, so that of two writers one wins.
 * Each method throws `unavailable` when the database cannot be reached.
 */
export interface LocalJobRepository {
  /** Adds a pending run, or answers the one that has its name. */
  insertOrFind(scope: SystemScope, job: NewLocalJob): Promise<LocalJob>;
  find(scope: SystemScope, jobName: string): Promise<LocalJob | null>;
  /** In name order, in pages of `pageSize`. */
  list(scope: SystemScope, pageSize: number): AsyncIterable<LocalJob>;
  /** Those of the names that have a record, in one statement. */
  findMany(scope: SystemScope, jobNames: readonly string[]): Promise<readonly LocalJob[]>;
  /** Gives a pending run its supervisor. False when it has one, has ended, was cancelled or is gone: nothing may start. */
  claim(scope: SystemScope, jobName: string, supervisor: ProcessMark): Promise<boolean>;
  /** `pending → running`. False when that supervisor no longer owns the run, or it was cancelled: the runner must not go on. */
  start(scope: SystemScope, jobName: string, supervisor: ProcessMark, runner: ProcessMark, at: Date): Promise<boolean>;
  /** Ends a run that has not ended. Answers the record as it stands then; null when it is gone. */
  end(scope: SystemScope, jobName: string, end: LocalJobEnd): Promise<LocalJob | null>;
  /** From here on the run does not start any more. Answers the record; null when it is gone. */
  requestCancel(scope: SystemScope, jobName: string): Promise<LocalJob | null>;
  delete(scope: SystemScope, jobName: string): Promise<void>;
}
