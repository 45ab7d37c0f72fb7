import type { JsonPath } from './path.ts';
import type { Selection } from './selection.ts';

/** Bytes of a key that are kept. */
const maxKeyBytes = 1024;

interface Container {
  isObject: boolean;
  /** What is selected below it. */
  selection: Selection | null;
  /** The element that is being read. */
  index: number;
  /** The key that is being read, as bytes of the document without its quotes. */
  keyStart: number;
  keyEnd: number;
  keyIsCut: boolean;
  /** The key once it was decoded. */
  key: string | null;
}

/** The containers around the value that is being read, and the keys and indexes that lead to it. Holds no more than 1 KiB for each. */
export class Place {
  readonly #containers: Container[] = [];
  readonly #root: Selection;
  #depth = 0;
  #keys = Buffer.allocUnsafe(4 * maxKeyBytes);

  constructor(root: Selection) {
    this.#root = root;
  }

  get depth(): number {
    return this.#depth;
  }

  get isInObject(): boolean {
    return this.#depth > 0 && this.#containers[this.#depth - 1]!.isObject;
  }

  enter(isObject: boolean, selection: Selection | null): void {
    const keyStart = this.#depth === 0 ? 0 : this.#containers[this.#depth - 1]!.keyEnd;
    // Made once for each depth: documents have many containers and few depths.
    const container = (this.#containers[this.#depth] ??= {
      isObject,
      selection,
      index: 0,
      keyStart,
      keyEnd: 0,
      keyIsCut: false,
      key: null,
    });
    container.isObject = isObject;
    container.selection = selection;
    container.index = 0;
    container.keyStart = keyStart;
    container.keyEnd = keyStart;
    this.#depth += 1;
  }

  leave(): void {
    this.#depth -= 1;
  }

  nextElement(): void {
    this.#containers[this.#depth - 1]!.index += 1;
  }

  beginKey(): void {
    const container = this.#containers[this.#depth - 1]!;
    container.keyEnd = container.keyStart;
    container.keyIsCut = false;
    container.key = null;
  }

  /** Takes bytes of the key. */
  addKey(bytes: Uint8Array, from: number, to: number): void {
    const container = this.#containers[this.#depth - 1]!;
    const end = Math.min(to, from + maxKeyBytes - (container.keyEnd - container.keyStart));
    if (end < to) container.keyIsCut = true;
    if (container.keyEnd + maxKeyBytes > this.#keys.length) this.#keys = Buffer.concat([this.#keys], this.#keys.length * 2);
    for (let at = from; at < end; at += 1) this.#keys[container.keyEnd++] = bytes[at]!;
  }

  /** What is selected of the value that begins here. */
  selection(): Selection | null {
    if (this.#depth === 0) return this.#root;
    const container = this.#containers[this.#depth - 1]!;
    const { selection } = container;
    if (selection === null) return null;
    if (!container.isObject) return selection.elements;
    if (selection.keys.size === 0 || container.keyIsCut) return null;
    return selection.keys.get(this.#keyOf(container)) ?? null;
  }

  path(depth = this.#depth): JsonPath {
    return this.#containers.slice(0, depth).map((container) => (container.isObject ? this.#keyOf(container) : container.index));
  }

  #keyOf(container: Container): string {
    return (container.key ??= this.#decodeKey(container));
  }

  #decodeKey({ keyStart, keyEnd, keyIsCut }: Container): string {
    const text = this.#keys.toString('utf8', keyStart, keyEnd);
    if (keyIsCut) return `${text}…`;
    return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
  }
}
