/** The `Status` that the API server answers with when it refuses: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface ApiStatus {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

/** The API server's refusal. */
export class ApiError extends Error {
  /** HTTP. */
  readonly code: number;
  /** Such as `AlreadyExists`; empty where a proxy answered. */
  readonly reason: string;
  readonly status: ApiStatus;
  /** Milliseconds after which the server wants to be asked again. */
  readonly retryAfterMs: number | undefined;

  /** @param retryAfterSeconds what the header says */
  constructor(code: number, status: ApiStatus, retryAfterSeconds?: number) {
    super(`HTTP ${code} ${status.reason ?? ''}: ${status.message ?? ''}`.trim());
    this.name = 'ApiError';
    this.code = code;
    this.reason = status.reason ?? '';
    this.status = status;
    const seconds = retryAfterSeconds ?? status.details?.retryAfterSeconds;
    this.retryAfterMs = seconds === undefined ? undefined : seconds * 1000;
  }
}

/** No answer, or half of one: the connection failed or took too long. */
export class TransportError extends Error {
  constructor(cause: unknown) {
    super('the Kubernetes API could not be reached', { cause });
    this.name = 'TransportError';
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof ApiError && error.reason === 'AlreadyExists';
}

/** Whether the same request may be answered otherwise a moment later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  if (!(error instanceof ApiError)) return false;
  // A quota that two requests update at once is a conflict as well.
  return [401, 408, 429].includes(error.code) || error.code >= 500 || error.reason === 'Conflict';
}
