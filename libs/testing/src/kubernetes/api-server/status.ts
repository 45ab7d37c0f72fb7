/** One thing that is wrong with an object. */
export interface StatusCause {
  readonly reason:
    'FieldValueRequired' | 'FieldValueInvalid' | 'FieldValueNotSupported' | 'FieldValueForbidden' | 'ResourceVersionTooLarge';
  readonly message: string;
  readonly field?: string;
}

interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** What is named in an error: the resource's plural and group. */
export interface GroupResource {
  readonly group: string;
  readonly plural: string;
}

/** An answer that is not a success, in the Status format of the Kubernetes API. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails;
  /** Of `metadata.continue`, where an expired list may be resumed without consistency. */
  continueToken: string | undefined;

  constructor(code: number, reason: string, message: string, details: StatusDetails = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  toJSON(): object {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      details: Object.keys(this.details).length === 0 ? undefined : this.details,
      code: this.code,
    };
  }
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** An error of which nothing but the code matters. */
export function plainError(code: number, message: string, retryAfterSeconds?: number): ApiError {
  return new ApiError(code, reasons[code] ?? 'Unknown', message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}

/** `jobs.batch`, or `pods` in the core group. */
export function qualified({ group, plural }: GroupResource): string {
  return group === '' ? plural : `${plural}.${group}`;
}

export function notFound(resource: GroupResource, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

export function alreadyExists(resource: GroupResource, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, detailsOf(resource, name));
}

export function conflict(resource: GroupResource, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return new ApiError(409, 'Conflict', message, detailsOf(resource, name));
}

export const modifiedMeanwhile = 'the object has been modified; please apply your changes to the latest version and try again';

export function invalid(kind: string, resource: GroupResource, name: string, causes: readonly StatusCause[]): ApiError {
  const list = causes.map(({ field, message }) => `${field}: ${message}`);
  const message = `${kind}${resource.group === '' ? '' : `.${resource.group}`} "${name}" is invalid: ${list.length === 1 ? list[0] : `[${list.join(', ')}]`}`;
  return new ApiError(422, 'Invalid', message, { name, group: resource.group || undefined, kind, causes });
}

function detailsOf({ group, plural }: GroupResource, name: string): StatusDetails {
  return { name, group: group || undefined, kind: plural };
}
