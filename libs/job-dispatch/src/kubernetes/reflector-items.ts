import { StreamBrokenError } from './reflector-lines.ts';

const [quote, backslash] = [0x22, 0x5c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/**
 * Reads a list in JSON as it comes, `{…, "items": [{…}, …]}`, and hands over each item by itself: a page parsed as a whole
 * fills memory with what nobody needs of 500 objects, faster than it is collected.
 *
 * @param limit bytes that an item, or all that is not an item, may have; StreamBrokenError beyond, and for half a list
 * @returns the list, its items left out
 */
export async function readItems<List, Item>(stream: AsyncIterable<Uint8Array>, limit: number, onItem: (item: Item) => void): Promise<List> {
  const frame = new Piece(limit);
  const item = new Piece(limit);
  /** What the byte belongs to; what stands between two items is dropped. */
  let piece: Piece | null = frame;
  let depth = 0;
  let isString = false;
  let isEscaped = false;
  let isArray = false;
  for await (const chunk of stream) {
    let start = 0;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index]!;
      if (isString) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isString = false;
      } else if (byte === quote) {
        isString = true;
      } else if (byte === openBrace || byte === openBracket) {
        depth += 1;
        if (depth === 2) isArray = byte === openBracket;
        if (depth === 3 && isArray) {
          piece?.add(chunk.subarray(start, index));
          piece = item;
          start = index;
        }
      } else if (byte === closeBrace || byte === closeBracket) {
        depth -= 1;
        if (depth === 2 && isArray) {
          item.add(chunk.subarray(start, index + 1));
          onItem(item.parse<Item>());
          piece = null;
        } else if (depth === 1 && piece === null) {
          piece = frame;
          start = index;
        }
      }
    }
    piece?.add(chunk.subarray(start));
  }
  return frame.parse<List>();
}

class Piece {
  readonly #limit: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
    if (this.#length > this.#limit) throw new StreamBrokenError(`a piece of a list is longer than ${this.#limit} bytes`);
  }

  /** And begins anew. */
  parse<T>(): T {
    const text = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#length = 0;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new StreamBrokenError('a list broke off, or is not JSON');
    }
  }
}
