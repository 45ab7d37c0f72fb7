import { DomainError, failedPrecondition, invalidArgument, unavailable } from '@cloudscan/domain';
import { ObjectStoreError } from '@cloudscan/object-store';

/** What a caller is told when the object store refuses; a failure of the store itself can be tried again. */
export function asDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (!(error instanceof ObjectStoreError)) return unavailable('the object store', error);
  switch (error.code) {
    case 'invalid_part':
      return invalidArgument('parts', error.message);
    // A size that was declared is a mismatch, so here a quota was the limit.
    case 'too_large':
      return new DomainError('resource_exhausted', `${error.message}; delete artifacts, or have an operator raise the quota (SetQuota)`);
    case 'size_mismatch':
    case 'checksum_mismatch':
    case 'conflict':
      return failedPrecondition(error.message);
    case 'not_found':
    case 'upload_not_found':
      return new DomainError('not_found', error.message, { cause: error });
    case 'disk_full':
      return new DomainError('unavailable', error.message, { cause: error });
    case 'broken_upload':
      return new DomainError('unavailable', 'the upload was changed meanwhile; try again', { cause: error });
    case 'bad_request':
    case 'bad_signature':
    case 'expired_url':
      return new DomainError('internal', 'internal error', { cause: error });
  }
}

/** Runs a call of the object store and throws only domain errors. */
export async function fromStore<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw asDomainError(error);
  }
}
