import { ItemScanner } from './item-scanner.ts';
import type { JsonPath } from './path.ts';
import { parseSelectors } from './selection.ts';

export interface JsonItemsOptions {
  /** Which values are given, for example `['$.version', '$.runs[*].results[*]']`; none may lie within another. */
  readonly select: readonly string[];
  /** Bytes that one selected value may have in the document. */
  readonly maxItemBytes: number;
  /** How many arrays and objects may lie within each other. */
  readonly maxDepth: number;
  /** Whether anything but an array, an object or null where a selector goes through one is a fault; otherwise nothing is selected there. */
  readonly strict?: boolean;
}

export interface JsonItem {
  readonly path: JsonPath;
  /** What JSON.parse makes of it. */
  readonly value: unknown;
}

/**
 * The selected values of one JSON document in UTF-8, in document order, each as soon as it is whole. All that stands around them is
 * checked (RFC 8259) and dropped, so that memory holds one value and one chunk, whatever the size of the document. A byte order mark at its
 * beginning is passed over. A key that stands twice in an unselected object gives its values twice; within a selected one the last
 * wins, as it does for JSON.parse. Keys are looked at up to 1,024 bytes.
 *
 * @throws JsonStreamError with the path of the fault. Items before it were given.
 * @throws TypeError for selectors that cannot be read
 */
export async function* readJsonItems(source: AsyncIterable<Uint8Array>, options: JsonItemsOptions): AsyncGenerator<JsonItem, void> {
  const scanner = new ItemScanner(parseSelectors(options.select), options);
  for await (const chunk of source) {
    scanner.push(chunk);
    for (let item = scanner.next(); item !== null; item = scanner.next()) yield item;
  }
  const last = scanner.end();
  if (last !== null) yield last;
}
