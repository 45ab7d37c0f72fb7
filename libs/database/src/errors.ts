import { DomainError, unavailable } from '@cloudscan/domain';

/** The SQLSTATE of a PostgreSQL error, or Node's code of a socket error; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

export const sqlStates = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  checkViolation: '23514',
  undefinedTable: '42P01',
} as const;

/** Serialization failure and deadlock (PostgreSQL, appendix A, class 40): the same transaction may succeed now. */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error);
  return code === '40001' || code === '40P01';
}

/** The connection or the server is gone, restarting, or full. */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code !== undefined && /^(08|57P0|53|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENOENT)/.test(code)) return true;
  // node-postgres gives these no code.
  return (
    error instanceof Error &&
    /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(error.message)
  );
}

/** A domain error passes as it is, a lost connection becomes `unavailable`, anything else `internal` with the cause kept for the log. */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (isConnectionLoss(error)) return unavailable('the database', error);
  return new DomainError('internal', 'internal error', { cause: error });
}
