/** Ends the reading of a document; `index` is that of the offending byte in its chunk. */
export type Fail = (problem: string, index: number) => never;

const quote = 0x22;
const backslash = 0x5c;

/** 1 for each byte that stands in a string for itself: printable ASCII but quote and backslash. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x20 && byte < 0x80 && byte !== quote && byte !== backslash ? 1 : 0));
const simpleEscapes = new Set(Buffer.from('"\\/bfnrt'));
const unicodeEscape = 0x75;

const inString = { text: 0, escape: 1, hexadecimal: 2, continuation: 3 } as const;

/** The inside of a string (RFC 8259 section 7), which may be cut anywhere between two chunks. */
export class StringToken {
  readonly #fail: Fail;
  #state: number = inString.text;
  /** Bytes left of a `\u` escape or of a character. */
  #left = 0;
  /** The bounds of a character's next byte (RFC 3629 section 4). */
  #lowest = 0;
  #highest = 0;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** @returns the index behind the closing quote; -1 when the chunk ends before it */
  scan(bytes: Uint8Array, from: number): number {
    const { length } = bytes;
    for (let at = from; ; at += 1) {
      if (this.#state === inString.text) while (at < length && plain[bytes[at]!] === 1) at += 1;
      if (at >= length) return -1;
      const byte = bytes[at]!;
      switch (this.#state) {
        case inString.text:
          if (byte === quote) return at + 1;
          if (byte === backslash) this.#state = inString.escape;
          else this.#beginCharacter(byte, at);
          break;
        case inString.escape:
          if (simpleEscapes.has(byte)) this.#state = inString.text;
          else if (byte === unicodeEscape) this.#expect(inString.hexadecimal, 4);
          else this.#fail('an unknown escape in a string', at);
          break;
        case inString.hexadecimal:
          if (!isHexadecimal(byte)) this.#fail('a \\u escape without four hexadecimal digits', at);
          this.#step();
          break;
        case inString.continuation:
          if (byte < this.#lowest || byte > this.#highest) this.#fail('a string that is not UTF-8', at);
          this.#lowest = 0x80;
          this.#highest = 0xbf;
          this.#step();
          break;
      }
    }
  }

  #expect(state: number, bytes: number): void {
    this.#state = state;
    this.#left = bytes;
  }

  #step(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#state = inString.text;
  }

  #beginCharacter(byte: number, at: number): void {
    if (byte < 0x20) this.#fail('a control character in a string', at);
    if (byte < 0xc2 || byte > 0xf4) this.#fail('a string that is not UTF-8', at);
    this.#lowest = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    this.#highest = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    this.#expect(inString.continuation, byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3);
  }
}

const inNumber = { minus: 0, zero: 1, integer: 2, point: 3, fraction: 4, e: 5, sign: 6, exponent: 7 } as const;
const wholeNumbers: ReadonlySet<number> = new Set([inNumber.zero, inNumber.integer, inNumber.fraction, inNumber.exponent]);

/** A number (RFC 8259 section 6), which only the byte behind it ends. */
export class NumberToken {
  readonly #fail: Fail;
  #state: number = inNumber.minus;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  begin(byte: number): void {
    this.#state = byte === 0x2d ? inNumber.minus : byte === 0x30 ? inNumber.zero : inNumber.integer;
  }

  /** Whether the number may end here. */
  get isWhole(): boolean {
    return wholeNumbers.has(this.#state);
  }

  /** @returns the index behind the number; -1 when it may go on in the next chunk */
  scan(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const next = stateBehind(this.#state, bytes[at]!);
      if (next === -1) {
        if (!this.isWhole || isDigit(bytes[at]!)) this.#fail('a malformed number', at);
        return at;
      }
      this.#state = next;
    }
    return -1;
  }
}

function stateBehind(state: number, byte: number): number {
  const digit = isDigit(byte);
  const isE = byte === 0x65 || byte === 0x45;
  switch (state) {
    case inNumber.minus:
      return byte === 0x30 ? inNumber.zero : digit ? inNumber.integer : -1;
    case inNumber.zero:
      return byte === 0x2e ? inNumber.point : isE ? inNumber.e : -1;
    case inNumber.integer:
      return digit ? inNumber.integer : byte === 0x2e ? inNumber.point : isE ? inNumber.e : -1;
    case inNumber.point:
      return digit ? inNumber.fraction : -1;
    case inNumber.fraction:
      return digit ? inNumber.fraction : isE ? inNumber.e : -1;
    case inNumber.e:
      return digit ? inNumber.exponent : byte === 0x2b || byte === 0x2d ? inNumber.sign : -1;
    default:
      return digit ? inNumber.exponent : -1;
  }
}

/** A sequence of bytes that is wholly known from its first. */
export class FixedToken {
  readonly #fail: Fail;
  #expected: Uint8Array = new Uint8Array();
  #seen = 0;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** The first byte counts as seen. */
  begin(expected: Uint8Array): void {
    this.#expected = expected;
    this.#seen = 1;
  }

  /** @returns the index behind the token; -1 when the chunk ends within it */
  scan(bytes: Uint8Array, from: number): number {
    let at = from;
    for (; this.#seen < this.#expected.length; at += 1, this.#seen += 1) {
      if (at === bytes.length) return -1;
      if (bytes[at] !== this.#expected[this.#seen]) this.#fail('an unknown literal', at);
    }
    return at;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHexadecimal(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x66) || (byte >= 0x41 && byte <= 0x46);
}
