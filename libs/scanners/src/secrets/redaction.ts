import { createHmac } from 'node:crypto';
import { redacted, redactSecrets } from '@cloudscan/telemetry';
import { snippetOf } from '../source/snippet.ts';
import type { SecretMatch } from './find-secrets.ts';

/**
 * Tells equal secrets without telling the secret: HMAC-SHA256 under a key of the deployment's own, so that nobody who reads the
 * findings can try guesses. Lower-case hexadecimal.
 */
export function secretHash(secret: string, key: string): string {
  return createHmac('sha256', key).update(secret).digest('hex');
}

/** Stand for a known secret while the rest is searched for further ones; nobody's source holds them. */
const marks = { first: 0xf0000, last: 0xffffd } as const;

/**
 * The lines of a match with every secret on them hidden: the known ones but for the few first characters that name their kind,
 * and whatever else looks like one.
 *
 * @param matches all of the text, those that are not reported too
 */
export function redactedSnippet(text: string, lines: TextLines, match: SecretMatch, matches: readonly SecretMatch[]): string {
  const first = lines.lineOf(match.start);
  // A key over many lines shows by its first.
  const last = match.ruleId.endsWith('private-key') ? first : lines.lineOf(match.end - 1);
  const { start, end } = { start: lines.startOf(first), end: lines.endOf(last) };
  const onLines = matches.filter((each) => each.start < end && each.end > start).sort((a, b) => a.start - b.start);
  let marked = '';
  let position = start;
  for (const [index, each] of onLines.entries()) {
    if (each.start >= position)
      marked += text.slice(position, each.start) + String.fromCodePoint(marks.first + (index % (marks.last - marks.first)));
    position = Math.max(position, Math.min(each.end, end));
  }
  marked += text.slice(position, end);
  const hidden = redactSecrets(marked).replace(/[\u{f0000}-\u{ffffd}]/gu, (mark) => maskOf(onLines[mark.codePointAt(0)! - marks.first]));
  return snippetOf(hidden.split(/\r?\n/), 1, last - first + 1);
}

/** Up to four first characters where they are a public prefix, followed by a mask that does not tell the length. */
function maskOf(match: SecretMatch | undefined): string {
  if (match === undefined || !prefixed.test(match.secret) || match.secret.length < 24) return redacted;
  return `${match.secret.slice(0, 4)}${redacted}`;
}

/** Kinds whose first characters are the same for all. */
const prefixed = /^(?:A[KS]IA|AIza|gh[pousr]_|gith|glpa|xox[a-z]|[sr]k_|npm_|pypi|SG\.|hvs\.|sk-|eyJ|hf_|dop_|shp|dckr|SK[0-9a-f]{2})/;

/** Where the lines of a text begin. */
export class TextLines {
  readonly #starts: readonly number[];
  readonly #length: number;

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#starts = starts;
    this.#length = text.length;
  }

  /** The 1-based line of an offset. */
  lineOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  startOf(line: number): number {
    return this.#starts[line - 1]!;
  }

  /** Behind the line's last character, before its line break. */
  endOf(line: number): number {
    return line < this.#starts.length ? this.#starts[line]! - 1 : this.#length;
  }

  /** The 1-based column of an offset, in UTF-16 code units. */
  columnOf(offset: number): number {
    return offset - this.startOf(this.lineOf(offset)) + 1;
  }
}
