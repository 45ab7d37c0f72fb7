export type ObjectStoreErrorCode =
  | 'bad_request'
  | 'bad_signature'
  | 'expired_url'
  | 'not_found'
  | 'upload_not_found'
  | 'invalid_part'
  | 'size_mismatch'
  | 'too_large'
  | 'checksum_mismatch'
  | 'conflict'
  | 'broken_upload'
  | 'disk_full';

/** What can go wrong with an object. The message may be shown to a client: it names no path and no secret. */
export class ObjectStoreError extends Error {
  readonly code: ObjectStoreErrorCode;

  constructor(code: ObjectStoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ObjectStoreError';
    this.code = code;
  }
}

/** ENOSPC and EDQUOT as `disk_full`; anything else as it is. */
export function asDiskFull(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new ObjectStoreError('disk_full', 'the disk of the object store is full; try again once there is space', error);
}
