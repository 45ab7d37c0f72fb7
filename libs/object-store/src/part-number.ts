import { ObjectStoreError } from './errors.ts';
import { maxPartNumber } from './object-store.ts';

/** @throws ObjectStoreError `invalid_part` */
export function requirePartNumber(partNumber: number): void {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > maxPartNumber) {
    throw new ObjectStoreError('invalid_part', `part numbers go from 1 to ${maxPartNumber}`);
  }
}
