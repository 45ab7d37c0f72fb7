const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Accepts the canonical lower-case form of RFC 9562 only, so that one id has one spelling. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/**
 * Builds a UUIDv7 (RFC 9562 section 5.7).
 *
 * @param unixMs milliseconds since 1970, the id's first 48 bits
 * @param random at least 10 random bytes
 */
export function uuidV7(unixMs: number, random: Uint8Array): string {
  if (random.length < 10) throw new RangeError(`uuidV7 wants 10 random bytes, got ${random.length}`);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(unixMs / 2 ** 32));
  view.setUint32(2, unixMs % 2 ** 32);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return formatUuid(bytes);
}

/** Bytes drawn at a time: asking for those of each id costs more than the id. */
const poolBytes = 4000;

/**
 * Makes UUIDv7s of a moment.
 *
 * @param randomBytes gives so many bytes that nobody can guess
 */
export function uuidV7Maker(randomBytes: (size: number) => Uint8Array): (at: Date) => string {
  let pool: Uint8Array = new Uint8Array();
  let used = 0;
  return (at) => {
    if (used === pool.length) {
      pool = randomBytes(poolBytes);
      used = 0;
    }
    used += 10;
    return uuidV7(at.getTime(), pool.subarray(used - 10, used));
  };
}

/** The moment in a UUIDv7, or null when the text is not one. A scan's `created_at` is its id's moment. */
export function uuidV7Time(id: string): Date | null {
  if (!isUuid(id) || id[14] !== '7') return null;
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Writes 16 bytes in the canonical form of RFC 9562 section 4. */
export function formatUuid(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += hexOfByte[byte];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
