import { ObjectStoreError } from './errors.ts';
import { maxPartNumber } from './object-store.ts';
import type { CompletedPart } from './object-store.ts';

/** @throws ObjectStoreError `invalid_part` */
export function requirePartNumber(partNumber: number): void {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > maxPartNumber) {
    throw new ObjectStoreError('invalid_part', `part numbers go from 1 to ${maxPartNumber}`);
  }
}

/**
 * The parts of a completion by their numbers.
 *
 * @throws ObjectStoreError `invalid_part` for none, or for a number that is named twice
 */
export function inPartOrder(named: readonly CompletedPart[]): readonly CompletedPart[] {
  if (named.length === 0) throw new ObjectStoreError('invalid_part', 'name at least one part');
  const inOrder = [...named].sort((a, b) => a.partNumber - b.partNumber);
  for (const [index, { partNumber }] of inOrder.entries()) {
    if (inOrder[index - 1]?.partNumber === partNumber) throw new ObjectStoreError('invalid_part', `part ${partNumber} is named twice`);
  }
  return inOrder;
}
