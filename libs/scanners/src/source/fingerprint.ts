import { createHash } from 'node:crypto';

export interface FingerprintParts {
  readonly ruleId: string;
  /** Relative to the source's root; of a package, what names it. */
  readonly filePath: string;
  /** The code found, or what else identifies the finding; never a secret itself. */
  readonly text: string;
  /** 0 for the first finding of the same rule, file and text, in the order of the file. */
  readonly occurrence: number;
}

/**
 * Tells the same finding in two scans. Its recipe: SHA-256 over `1`, rule, path, text and occurrence, parted by zero bytes, in lower-case
 * hexadecimal; the text with runs of white space as one space and none at its ends. No line number goes in, so a finding keeps its
 * fingerprint while lines around it come and go and while it is indented anew; it changes with the file's name and with the code itself.
 * A change of the recipe must change the leading `1`, and makes every known finding a new one.
 */
export function fingerprintOf({ ruleId, filePath, text, occurrence }: FingerprintParts): string {
  const normalised = text.replace(/\s+/g, ' ').trim();
  return createHash('sha256')
    .update(['1', ruleId, filePath, normalised, String(occurrence)].join('\0'))
    .digest('hex');
}

/** Numbers the equal findings of one file, for {@link FingerprintParts.occurrence}. */
export class FileFingerprints {
  readonly #filePath: string;
  readonly #seen = new Map<string, number>();

  constructor(filePath: string) {
    this.#filePath = filePath;
  }

  next(ruleId: string, text: string): string {
    const first = fingerprintOf({ ruleId, filePath: this.#filePath, text, occurrence: 0 });
    const occurrence = this.#seen.get(first) ?? 0;
    this.#seen.set(first, occurrence + 1);
    return occurrence === 0 ? first : fingerprintOf({ ruleId, filePath: this.#filePath, text, occurrence });
  }
}
