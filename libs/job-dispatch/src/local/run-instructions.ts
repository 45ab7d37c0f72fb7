import type { SslMode } from '@cloudscan/database';

/**
 * What a supervisor is told, as JSON on its standard input: neither its arguments nor its environment, which other
 * processes of this user can read, hold the database's password.
 */
export interface RunInstructions {
  readonly jobName: string;
  /** Absolute. */
  readonly workDir: string;
  readonly command: readonly string[];
  /** The runner's whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: RunLimits;
  readonly database: DatabaseInstructions;
}

export interface RunLimits {
  /** Resident bytes of all the run's processes together. */
  readonly memoryBytes: number;
  readonly deadlineMs: number;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  /** Milliseconds between two looks at the run's memory and log. */
  readonly pollMs: number;
  /** Milliseconds for which the end is tried to be recorded; then the outcome file must do. */
  readonly recordMs: number;
  readonly logBytes: number;
}

/** A `DatabaseConfig` with its password in the clear. */
export interface DatabaseInstructions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly name: string;
  readonly sslMode: SslMode;
}
