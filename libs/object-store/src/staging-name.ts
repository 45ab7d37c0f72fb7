import { createHash } from 'node:crypto';
import { isUuid } from '@cloudscan/domain';
import { ObjectStoreError } from './errors.ts';

/** Where the parts of uploads lie in a store that has none of its own. No key's object is named like this: see `object-name.ts`. */
export const stagingPrefix = '.uploads/';

/**
 * The name of an upload, or of the folder of its parts. Holds the key, so that an upload id opens the upload of its own key only.
 *
 * @throws ObjectStoreError `upload_not_found` for what was never an upload id
 */
export function stagingNameOf(key: string, uploadId: string): string {
  if (!isUuid(uploadId)) throw new ObjectStoreError('upload_not_found', 'there is no such multipart upload');
  return `${stagingPrefix}${createHash('sha256').update(key).digest('hex')}/${uploadId}`;
}
