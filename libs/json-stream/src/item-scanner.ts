import { JsonStreamError } from './json-stream-error.ts';
import type { JsonFault } from './json-stream-error.ts';
import type { JsonPath } from './path.ts';
import { Place } from './place.ts';
import type { Selection } from './selection.ts';
import { FixedToken, NumberToken, StringToken } from './tokens.ts';
import type { Fail } from './tokens.ts';

/** What may come next between two tokens. */
const expect = { value: 0, valueOrEnd: 1, keyOrEnd: 2, key: 3, colon: 4, commaOrEnd: 5, nothing: 6 } as const;
type Expected = (typeof expect)[keyof typeof expect];

/** The token in whose midst a chunk may end. */
const token = { none: 0, string: 1, key: 2, number: 3, literal: 4, byteOrderMark: 5 } as const;
type Token = (typeof token)[keyof typeof token];

const literals = new Map([...['true', 'false', 'null'].map((word) => Buffer.from(word))].map((word) => [word[0]!, word]));
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const noBytes: Buffer = Buffer.alloc(0);

/**
 * Goes through the bytes of a document once, checks them, and keeps those of one selected value at a time. Give it a chunk, take items until
 * there are none, and so on; `end` gives the last one.
 */
export class ItemScanner {
  readonly #maxItemBytes: number;
  readonly #maxDepth: number;
  readonly #isStrict: boolean;
  readonly #place: Place;
  readonly #string: StringToken;
  readonly #number: NumberToken;
  readonly #fixed: FixedToken;

  #chunk: Buffer = noBytes;
  #at = 0;
  /** Bytes before the chunk. */
  #offset = 0;
  #expected: Expected = expect.value;
  #token: Token = token.none;
  /** Where the key that is being read goes on in the chunk. */
  #keyFrom = 0;

  /** The depth at which the value that is being kept stands; -1 when none is. */
  #itemDepth = -1;
  /** Where the value that is being kept goes on in the chunk. */
  #itemFrom = 0;
  #itemOffset = 0;
  /** Its bytes from earlier chunks. */
  #held: Buffer = noBytes;
  #heldBytes = 0;

  constructor(selection: Selection, limits: { readonly maxItemBytes: number; readonly maxDepth: number; readonly strict?: boolean }) {
    this.#place = new Place(selection);
    this.#maxItemBytes = limits.maxItemBytes;
    this.#maxDepth = limits.maxDepth;
    this.#isStrict = limits.strict ?? false;
    const fail: Fail = (problem, index) => this.#fail('syntax', problem, index);
    this.#string = new StringToken(fail);
    this.#number = new NumberToken(fail);
    this.#fixed = new FixedToken(fail);
  }

  /** Takes the next chunk. Every item of the one before must have been taken. */
  push(chunk: Uint8Array): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#at = 0;
    this.#keyFrom = 0;
    this.#itemFrom = 0;
  }

  /** The next item that ends in the chunk; null when there is none. */
  next(): { path: JsonPath; value: unknown } | null {
    const bytes = this.#chunk;
    let at = this.#at;
    while (at < bytes.length) {
      if (this.#token === token.none) {
        const byte = bytes[at]!;
        if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
          at += 1;
          continue;
        }
        this.#structure(byte, at);
        at += 1;
      } else {
        at = this.#continueToken(bytes, at);
        if (at === -1) break;
      }
      if (this.#place.depth === this.#itemDepth && this.#token === token.none && this.#isValueOver) {
        this.#at = at;
        return this.#takeItem(at);
      }
    }
    this.#carryOver();
    return null;
  }

  /**
   * The item that only the end of the document ends: a number that is the whole of it.
   *
   * @throws JsonStreamError when the document is not whole
   */
  end(): { path: JsonPath; value: unknown } | null {
    if (this.#token === token.number && this.#place.depth === 0 && this.#number.isWhole) this.#endValue();
    if (!this.#isValueOver || this.#token !== token.none || this.#place.depth > 0) {
      const isEmpty = this.#place.depth === 0 && this.#expected === expect.value && this.#token === token.none;
      this.#fail('truncated', isEmpty ? 'an empty document' : 'an early end of the document', 0);
    }
    return this.#itemDepth === -1 ? null : this.#takeItem(0);
  }

  /** Whether a value has ended and nothing has begun after it. */
  get #isValueOver(): boolean {
    return this.#expected === expect.commaOrEnd || this.#expected === expect.nothing;
  }

  #structure(byte: number, at: number): void {
    switch (this.#expected) {
      case expect.valueOrEnd:
        if (byte === 0x5d) return this.#leave();
        return this.#beginValue(byte, at);
      case expect.value:
        return this.#beginValue(byte, at);
      case expect.keyOrEnd:
        if (byte === 0x7d) return this.#leave();
        return this.#beginKey(byte, at);
      case expect.key:
        return this.#beginKey(byte, at);
      case expect.colon:
        if (byte !== 0x3a) this.#unexpected(byte, at);
        this.#expected = expect.value;
        return;
      case expect.commaOrEnd:
        return this.#afterValue(byte, at);
      case expect.nothing:
        return this.#unexpected(byte, at);
    }
  }

  #beginValue(byte: number, at: number): void {
    const selection = this.#itemDepth === -1 ? this.#place.selection() : null;
    if (selection?.selected) {
      this.#itemDepth = this.#place.depth;
      this.#itemFrom = at;
      this.#itemOffset = this.#offset + at;
    } else if (selection !== null && this.#isStrict) {
      this.#checkShape(selection, byte, at);
    }
    if (byte === 0x22) {
      this.#token = token.string;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (this.#place.depth === this.#maxDepth) this.#fail('too_deep', `more than ${this.#maxDepth} levels`, at);
      this.#place.enter(byte === 0x7b, selection);
      this.#expected = byte === 0x7b ? expect.keyOrEnd : expect.valueOrEnd;
    } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      this.#token = token.number;
      this.#number.begin(byte);
    } else if (byte === byteOrderMark[0] && this.#offset + at === 0) {
      this.#itemDepth = -1;
      this.#token = token.byteOrderMark;
      this.#fixed.begin(byteOrderMark);
    } else {
      const literal = literals.get(byte) ?? this.#unexpected(byte, at);
      this.#token = token.literal;
      this.#fixed.begin(literal);
    }
  }

  /** A null is as if nothing was there. */
  #checkShape({ elements }: Selection, byte: number, at: number): void {
    if (byte === (elements === null ? 0x7b : 0x5b) || byte === 0x6e || byte === byteOrderMark[0]) return;
    if (literals.has(byte) || byte === 0x22 || byte === 0x7b || byte === 0x5b || byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      this.#fail('shape', `is no ${elements === null ? 'object' : 'array'}`, at);
    }
  }

  #beginKey(byte: number, at: number): void {
    if (byte !== 0x22) this.#unexpected(byte, at);
    this.#expected = expect.key;
    this.#token = token.key;
    this.#keyFrom = at + 1;
    this.#place.beginKey();
  }

  #afterValue(byte: number, at: number): void {
    const { isInObject } = this.#place;
    if (byte === 0x2c) {
      if (!isInObject) this.#place.nextElement();
      this.#expected = isInObject ? expect.key : expect.value;
    } else if (byte === (isInObject ? 0x7d : 0x5d)) {
      this.#leave();
    } else {
      this.#unexpected(byte, at);
    }
  }

  #leave(): void {
    this.#place.leave();
    this.#endValue();
  }

  #endValue(): void {
    this.#token = token.none;
    this.#expected = this.#place.depth === 0 ? expect.nothing : expect.commaOrEnd;
  }

  /** @returns the index behind the token; -1 when the chunk ends within it */
  #continueToken(bytes: Uint8Array, at: number): number {
    switch (this.#token) {
      case token.string: {
        const end = this.#string.scan(bytes, at);
        if (end !== -1) this.#endValue();
        return end;
      }
      case token.key: {
        const end = this.#string.scan(bytes, at);
        if (end !== -1) {
          this.#place.addKey(bytes, this.#keyFrom, end - 1);
          this.#token = token.none;
          this.#expected = expect.colon;
        }
        return end;
      }
      case token.number: {
        const end = this.#number.scan(bytes, at);
        if (end !== -1) this.#endValue();
        return end;
      }
      case token.literal: {
        const end = this.#fixed.scan(bytes, at);
        if (end !== -1) this.#endValue();
        return end;
      }
      case token.byteOrderMark: {
        const end = this.#fixed.scan(bytes, at);
        if (end !== -1) this.#token = token.none;
        return end;
      }
      case token.none:
        return at;
    }
  }

  /** Keeps what goes on in the next chunk. */
  #carryOver(): void {
    const bytes = this.#chunk;
    if (this.#itemDepth !== -1) this.#hold(bytes, bytes.length);
    if (this.#token === token.key) this.#place.addKey(bytes, this.#keyFrom, bytes.length);
    this.#offset += bytes.length;
    this.push(noBytes);
  }

  #hold(bytes: Buffer, to: number): void {
    const length = this.#heldBytes + to - this.#itemFrom;
    this.#checkItem(length);
    if (length > this.#held.length) {
      this.#held = Buffer.concat([this.#held.subarray(0, this.#heldBytes)], Math.min(this.#maxItemBytes, Math.max(4096, length * 2)));
    }
    this.#heldBytes += bytes.copy(this.#held, this.#heldBytes, this.#itemFrom, to);
  }

  #takeItem(end: number): { path: JsonPath; value: unknown } {
    let bytes = this.#chunk.subarray(this.#itemFrom, end);
    if (this.#heldBytes > 0) {
      this.#hold(this.#chunk, end);
      bytes = this.#held.subarray(0, this.#heldBytes);
    }
    this.#checkItem(bytes.length);
    this.#itemDepth = -1;
    this.#heldBytes = 0;
    return { path: this.#place.path(), value: JSON.parse(bytes.toString('utf8')) as unknown };
  }

  #checkItem(length: number): void {
    if (length <= this.#maxItemBytes) return;
    throw new JsonStreamError(
      'too_large',
      `a value above ${this.#maxItemBytes} bytes`,
      this.#place.path(this.#itemDepth),
      this.#itemOffset,
    );
  }

  #unexpected(byte: number, at: number): never {
    const found = byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16).padStart(2, '0')}`;
    this.#fail('syntax', `an unexpected ${found}`, at);
  }

  #fail(fault: JsonFault, problem: string, at: number): never {
    // Before a key is whole and after a value, the fault is the container's.
    const isInContainer = this.#token === token.none ? this.#expected === expect.commaOrEnd : this.#token === token.key;
    const isAtKey = this.#expected === expect.key || this.#expected === expect.keyOrEnd;
    throw new JsonStreamError(fault, problem, this.#place.path(this.#place.depth - (isInContainer || isAtKey ? 1 : 0)), this.#offset + at);
  }
}
