import { redactSecrets } from '@cloudscan/telemetry';

const maxBytes = 16 * 1024;
const maxTextLength = 1000;
const searchedLength = 8000;

/** A tool's own record as JSON of at most 16 KiB: long texts are cut and secrets hidden. Empty where that is not enough. */
export function rawOutputOf(record: object): string {
  const json = JSON.stringify(record, (_key, value: unknown) => (typeof value === 'string' ? shown(value) : value));
  return Buffer.byteLength(json) <= maxBytes ? json : '';
}

/** Cut first, since a text may be a whole file, but not through a credential that is shown. */
function shown(text: string): string {
  const redactedText = redactSecrets(text.slice(0, searchedLength));
  return redactedText.length > maxTextLength ? `${redactedText.slice(0, maxTextLength)}…` : redactedText;
}
