import { PatternIndex, secretPatterns, secretRange } from './secret-patterns.ts';
import type { SecretPattern } from './secret-patterns.ts';

/** Stands where a secret stood. Of fixed length, since a secret's length is a hint. */
export const redacted = '[redacted]';

/**
 * Looser forms, for text that people will read rather than report on: a word too much is hidden sooner than a password is shown.
 * `X-Amz-Signature`, `X-Goog-Signature`, `sig` and `signature` are what presigned URLs carry.
 */
const loosePatterns: readonly SecretPattern[] = [
  {
    id: 'authorization',
    keywords: ['bearer', 'basic'],
    pattern: /\b(?:bearer|basic)\s+(?<secret>[\w.~+/=-]{8,4000})/gi,
  },
  {
    id: 'url-signature',
    keywords: ['sig', 'token='],
    pattern: /[?&](?:x-(?:amz|goog)-(?:signature|security-token|credential)|sig|signature|token)=(?<secret>[^&\s"'<>]{4,4000})/gi,
  },
  {
    id: 'assignment',
    keywords: ['passw', 'pwd', 'secret', 'token', 'apikey', 'api_key', 'api-key', 'authorization', 'credential', 'private_key'],
    pattern:
      /(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|authorization|credentials?|private[_-]?key)[\w.-]{0,40}["']?\s{0,4}(?:=>|:=|[:=])\s{0,4}["']?(?<secret>[^\s"'`,;&[\]{}]{4,4000})/gi,
  },
];

const index = new PatternIndex([...secretPatterns, ...loosePatterns]);

/**
 * Hides whatever looks like a credential: for log tails and other text of which nobody knows what is in it. Linear in the
 * length of the text; keeps its line breaks outside of secrets.
 */
export function redactSecrets(text: string): string {
  return index.candidates(text).reduce(redactPattern, text);
}

function redactPattern(text: string, { pattern }: SecretPattern): string {
  let result = '';
  let position = 0;
  for (const match of text.matchAll(pattern)) {
    const { start, end } = secretRange(match);
    result += text.slice(position, start) + redacted;
    position = end;
  }
  return position === 0 ? text : result + text.slice(position);
}
