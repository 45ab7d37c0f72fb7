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
const firstMark = 0xf0000;
const anyMark = /[\u{f0000}-\u{ffffd}]/gu;

/**
 * Characters on both sides of a match, on its own lines, that are searched for further secrets. Lines of generated files have
 * no end, so there must be one; and it is far beyond what is shown, so that no secret at its edge goes unseen for having been cut.
 */
const searchedContext = 4000;
const shownBefore = 80;
const shownLength = 200;

/**
 * The surroundings of a match on its own lines, with every secret in them hidden: the known ones but for the few first characters
 * that name their kind, and whatever else looks like one.
 *
 * @param matches all of the text, those that are not reported too, in its order and without overlaps
 */
export function redactedSnippet(text: string, lines: TextLines, match: SecretMatch, matches: readonly SecretMatch[]): string {
  const first = lines.lineOf(match.start);
  // A key over many lines shows by its first.
  const last = match.ruleId.endsWith('private-key') ? first : lines.lineOf(match.end - 1);
  const start = Math.max(lines.startOf(first), match.start - searchedContext);
  const end = Math.min(lines.endOf(last), match.end + searchedContext);
  const known = matches.slice(firstEndingBehind(matches, start), firstEndingBehind(matches, end) + 1).filter((each) => each.start < end);
  let marked = '';
  let position = start;
  for (const [index, each] of known.entries()) {
    marked += text.slice(position, Math.max(position, each.start)) + String.fromCodePoint(firstMark + index);
    position = Math.min(each.end, end);
  }
  const hidden = redactSecrets(marked + text.slice(position, end));
  const shown = cutAround(hidden, hidden.indexOf(String.fromCodePoint(firstMark + known.indexOf(match))));
  return snippetOf(shown.replace(anyMark, (mark) => maskOf(known[mark.codePointAt(0)! - firstMark])).split(/\r?\n/), 1, last - first + 1);
}

/** The index of the first match that ends behind an offset. */
function firstEndingBehind(matches: readonly SecretMatch[], offset: number): number {
  let low = 0;
  let high = matches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (matches[middle]!.end <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function cutAround(text: string, at: number): string {
  const from = at <= shownBefore ? 0 : at - shownBefore;
  const cut = text.slice(from, from + shownLength);
  return `${from > 0 ? '…' : ''}${cut}${from + shownLength < text.length ? '…' : ''}`;
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
