import { formatPath, JsonStreamError } from '@cloudscan/json-stream';
import type { JsonPath } from '@cloudscan/json-stream';
import type { SarifLimits } from './limits.ts';

/** A log that cannot be read, or not by what is allowed. */
export class SarifReadError extends Error {
  /** Where, for example `$.runs[0].results[3].level`. */
  readonly path: string;
  /** Which limit the log goes beyond; null for a log that is wrong. */
  readonly limit: keyof SarifLimits | null;

  constructor(
    path: JsonPath | string,
    problem: string,
    { limit = null, cause }: { limit?: keyof SarifLimits | null; cause?: unknown } = {},
  ) {
    const formatted = typeof path === 'string' ? path : formatPath(path);
    super(problem.endsWith(formatted) || cause !== undefined ? problem : `${formatted} ${problem}`, { cause });
    this.name = 'SarifReadError';
    this.path = formatted;
    this.limit = limit;
  }
}

/** A fault of the document as a fault of the log; any other error as it is. */
export function asReadError(error: unknown): unknown {
  return error instanceof JsonStreamError ? new SarifReadError(error.path, error.message, { cause: error }) : error;
}
