import type { protobuf } from '@cloudscan/contracts';
import { rpc } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import type { ErrorCode, FieldViolation } from '@cloudscan/domain';
import { Metadata, status } from '@grpc/grpc-js';
import type { ServiceError, StatusObject } from '@grpc/grpc-js';

/** The trailer of the richer error model (https://grpc.io/docs/guides/error/). */
const detailsKey = 'grpc-status-details-bin';
const badRequestType = 'type.googleapis.com/google.rpc.BadRequest';
const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo';

const statusOfCode = {
  invalid_argument: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  failed_precondition: status.FAILED_PRECONDITION,
  already_exists: status.ALREADY_EXISTS,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
} as const satisfies Record<ErrorCode, status>;

const codeOfStatus = new Map<status, ErrorCode>(Object.entries(statusOfCode).map(([code, value]) => [value, code as ErrorCode]));

/** What a caller is told. Anything that is not a domain error is `internal` and says nothing of its cause. */
export function toStatus(error: unknown): StatusObject {
  const known = error instanceof DomainError ? error : new DomainError('internal', 'internal error');
  const metadata = new Metadata();
  const details = detailsOf(known);
  const code = statusOfCode[known.code];
  if (details.length > 0) {
    metadata.set(detailsKey, Buffer.from(rpc.Status.encode({ code, message: known.message, details }).finish()));
  }
  return { code, details: known.message, metadata };
}

/** The inverse, for clients. Statuses that this project never sends become `internal`. */
export function fromServiceError(error: ServiceError): DomainError {
  const { violations, retryAfterMs } = parseDetails(error.metadata);
  const code = codeOfStatus.get(error.code) ?? 'internal';
  return new DomainError(code, error.details || error.message, { violations, retryAfterMs, cause: error });
}

function detailsOf(error: DomainError): protobuf.Any[] {
  const details: protobuf.Any[] = [];
  if (error.violations.length > 0) {
    const value = rpc.BadRequest.encode({ fieldViolations: error.violations.map((violation) => ({ ...violation })) }).finish();
    details.push({ typeUrl: badRequestType, value: Buffer.from(value) });
  }
  if (error.retryAfterMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(error.retryAfterMs / 1000)), nanos: Math.round(error.retryAfterMs % 1000) * 1_000_000 };
    details.push({ typeUrl: retryInfoType, value: Buffer.from(rpc.RetryInfo.encode({ retryDelay }).finish()) });
  }
  return details;
}

function parseDetails(metadata: Metadata | undefined): { violations: FieldViolation[]; retryAfterMs: number | undefined } {
  const violations: FieldViolation[] = [];
  let retryAfterMs: number | undefined;
  const encoded = metadata?.get(detailsKey)[0];
  if (!Buffer.isBuffer(encoded)) return { violations, retryAfterMs };
  for (const { typeUrl, value } of rpc.Status.decode(encoded).details) {
    if (typeUrl === badRequestType) violations.push(...rpc.BadRequest.decode(value).fieldViolations);
    if (typeUrl === retryInfoType) {
      const { retryDelay } = rpc.RetryInfo.decode(value);
      retryAfterMs = retryDelay === undefined ? undefined : Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1_000_000;
    }
  }
  return { violations, retryAfterMs };
}
