/** The closed list of what can go wrong with a call. Each has exactly one gRPC status and one HTTP status. */
export type ErrorCode =
  | 'invalid_argument'
  | 'not_found'
  | 'failed_precondition'
  | 'already_exists'
  | 'resource_exhausted'
  | 'unauthenticated'
  | 'permission_denied'
  | 'unavailable'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'unimplemented'
  | 'internal';

/** `never`: the same call fails again. `after_change`: succeeds once something else has changed. `safe`: the same call may succeed later. */
export type RetryClass = 'never' | 'after_change' | 'safe';

export interface FieldViolation {
  /** The request field as the proto names it, for example `scan_types[1]`. */
  readonly field: string;
  /** What is wrong and how to mend it. */
  readonly description: string;
}

export interface DomainErrorOptions {
  readonly violations?: readonly FieldViolation[];
  /** Milliseconds after which the same call may succeed. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** An error that may be shown to a caller: its message names neither SQL, nor a stack, nor a host, nor a secret. */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: DomainErrorOptions = {}) {
    super(message);
    // Enumerable, so that whatever prints the whole error prints what was behind it.
    if (options.cause !== undefined) this.cause = options.cause;
    this.name = 'DomainError';
    this.code = code;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  get retry(): RetryClass {
    return retryClassOf(this.code);
  }
}

function retryClassOf(code: ErrorCode): RetryClass {
  switch (code) {
    case 'unavailable':
    case 'deadline_exceeded':
    case 'resource_exhausted':
      return 'safe';
    case 'failed_precondition':
    case 'already_exists':
      return 'after_change';
    case 'invalid_argument':
    case 'not_found':
    case 'unauthenticated':
    case 'permission_denied':
    case 'cancelled':
    case 'unimplemented':
    case 'internal':
      return 'never';
  }
}

/** An INVALID_ARGUMENT for one field. */
export function invalidArgument(field: string, description: string): DomainError {
  return invalidArguments([{ field, description }]);
}

/** An INVALID_ARGUMENT that names every wrong field at once. */
export function invalidArguments(violations: readonly FieldViolation[]): DomainError {
  const message = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new DomainError('invalid_argument', message, { violations });
}

/** Also for what belongs to another organization: a caller cannot tell the two apart. */
export function notFound(resource: string, id: string): DomainError {
  return new DomainError('not_found', `${resource} ${id} was not found`);
}

export function failedPrecondition(message: string): DomainError {
  return new DomainError('failed_precondition', message);
}

/** A dependency that is down; the caller may try again. */
export function unavailable(dependency: string, cause?: unknown): DomainError {
  return new DomainError('unavailable', `${dependency} is not available; try again`, { cause });
}
