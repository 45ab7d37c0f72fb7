import { redactSecrets } from '@cloudscan/telemetry';

/** The end of a log with its secrets hidden, at most `maxBytes` of UTF-8 without NUL, which PostgreSQL refuses. */
export function redactedTail(log: string, maxBytes: number): string {
  return lastBytes(redactSecrets(log.replaceAll('\0', '')), maxBytes);
}

function lastBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let start = bytes.length - maxBytes;
  // Not in the middle of a character: UTF-8 continues with 10xxxxxx.
  while (start < bytes.length && (bytes[start]! & 0xc0) === 0x80) start += 1;
  return bytes.toString('utf8', start);
}
