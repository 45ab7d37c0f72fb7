import { PatternIndex, secretPatterns, secretRange } from '@cloudscan/telemetry';
import { assignedSecrets } from './assigned-secret.ts';
import { isPlaceholder, isReference, isWeakOrPlaceholderPassword } from './placeholders.ts';

export interface SecretMatch {
  readonly ruleId: string;
  /** Offsets in the text; the end is exclusive. */
  readonly start: number;
  readonly end: number;
  /** As it stands in the text: never to leave this process. */
  readonly secret: string;
}

const index = new PatternIndex(secretPatterns);

/** What a text holds by its forms alone. */
export interface FormedSecrets {
  /** In the order of the text; where two kinds overlap, the more telling one. */
  readonly matches: readonly SecretMatch[];
  /** Whether a word of some credential's form stands in the text: a second look may be worth its time. */
  readonly suspicious: boolean;
}

/** Secrets that have a form of their own. */
export function findFormedSecrets(text: string): FormedSecrets {
  let matches: readonly SecretMatch[] = [];
  const candidates = index.candidates(text);
  for (const { id, pattern } of candidates) {
    const found: SecretMatch[] = [];
    for (const match of text.matchAll(pattern)) {
      const { start, end } = secretRange(match);
      const trimmed = id === 'private-key' ? end - trailingJunk(text.slice(start, end)) : end;
      const secret = text.slice(start, trimmed);
      if (isReal(id, secret, text, end)) found.push({ ruleId: id, start, end: trimmed, secret });
    }
    matches = withFurther(matches, found);
  }
  return { matches, suspicious: candidates.some(({ id }) => !everydayWords.has(id)) };
}

/** Kinds whose keywords stand in every other file. */
const everydayWords = new Set(['url-credentials', 'connection-string-password', 'twilio-api-key', 'aws-secret-access-key']);

/** Secrets that only the name they are assigned to gives away. */
export function findAssignedSecrets(text: string, path: string): SecretMatch[] {
  return Array.from(assignedSecrets(text, path), ({ start, end }) => ({
    ruleId: 'assigned-secret',
    start,
    end,
    secret: text.slice(start, end),
  }));
}

/**
 * Adds those of the further matches that overlap none of the known ones. Both lists are, as the result is, in the order of the text, and
 * no two of one list overlap; so one pass over both will do, however many a hostile file holds.
 */
export function withFurther(known: readonly SecretMatch[], further: readonly SecretMatch[]): readonly SecretMatch[] {
  if (further.length === 0) return known;
  const merged: SecretMatch[] = [];
  let next = 0;
  for (const match of further) {
    while (next < known.length && known[next]!.end <= match.start) merged.push(known[next++]!);
    if (next === known.length || known[next]!.start >= match.end) merged.push(match);
  }
  for (; next < known.length; next += 1) merged.push(known[next]!);
  return merged;
}

function isReal(id: string, secret: string, text: string, end: number): boolean {
  switch (id) {
    case 'url-credentials':
      return !isWeakOrPlaceholderPassword(secret) && !isExampleHost(text, end);
    case 'connection-string-password':
      return !isWeakOrPlaceholderPassword(secret);
    case 'jwt':
      return isSignedToken(secret);
    case 'private-key':
    case 'putty-private-key':
      // A key's body is long enough to hold any short word by chance; what tells a made-up one is its few characters.
      return new Set(secret.replace(/\s/g, '')).size >= 12;
    default:
      return !isReference(secret) && !isPlaceholder(secret);
  }
}

/** What the pattern for keys takes along after the key: quotes, commas and blanks, and words of the code that goes on. */
function trailingJunk(body: string): number {
  const lastLine = /[A-Za-z0-9+/=]{16}[A-Za-z0-9+/=]*(?:(?:\\[rn]|["'+,\s])+[A-Za-z0-9+/]{1,64}={1,2})?(?![\s\S]*[A-Za-z0-9+/=]{16})/.exec(
    body,
  );
  return lastLine === null ? 0 : body.length - lastLine.index - lastLine[0].length;
}

/** RFC 2606 sets these names aside for documentation. */
function isExampleHost(text: string, end: number): boolean {
  return /^@(?:[\w-]+\.)*(?:example(?:\.(?:com|org|net))?|test|invalid)(?![\w.-])/i.test(text.slice(end, end + 100));
}

/** A JWT (RFC 7519): header and payload are JSON objects, the header names an algorithm, and it is not the one of every tutorial. */
function isSignedToken(token: string): boolean {
  const [header = null, payload = null] = token.split('.').slice(0, 2).map(parseObject);
  if (header === null || payload === null || typeof header.alg !== 'string' || header.alg === 'none') return false;
  return payload.sub !== '1234567890' && payload.name !== 'John Doe';
}

function parseObject(segment: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
