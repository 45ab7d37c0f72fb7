import { redacted } from '@cloudscan/telemetry';
import { findAssignedSecrets, findFormedSecrets, withFurther } from '../secrets/find-secrets.ts';
import type { SecretMatch } from '../secrets/find-secrets.ts';
import { redactedSnippet, TextLines } from '../secrets/redaction.ts';

/** Where a secret stands; lines and columns as in a finding. */
export interface SecretPlace {
  readonly startLine: number;
  readonly endLine: number;
  /** 0, as the end column, where the secret is not there: a tool may have decoded it, or count its lines otherwise. */
  readonly startColumn: number;
  readonly endColumn: number;
  /** Every secret in it is hidden; empty where the place was not found. */
  readonly snippet: string;
}

/** Characters on both sides of a secret that are searched for others: a line of a generated file has no end. */
const searchedContext = 4000;
/** A part of a credential that is shorter is no secret, and stands everywhere. */
const shortestPart = 6;

/**
 * @param lines of the file; none where it cannot be read
 * @param line 1-based; 0 where the tool does not tell
 * @param parts what the tool calls the secret, then what else belongs to the credential, for example the key to an id
 */
export function placeOf(
  lines: readonly string[],
  line: number,
  [secret, ...otherParts]: readonly [string, ...string[]],
  path: string,
): SecretPlace {
  const secretLines = secret.trimEnd().split(/\r?\n/);
  const first = lines[line - 1] ?? '';
  const column = secretLines[0] === '' ? -1 : first.indexOf(secretLines[0]!);
  if (column === -1) return { startLine: line, endLine: line, startColumn: 0, endColumn: 0, snippet: '' };
  const endLine = line + secretLines.length - 1;
  const text = lines.slice(line - 1, endLine).join('\n');
  const end = column + secretLines.join('\n').length;
  const offset = Math.max(0, column - searchedContext);
  const searched = text.slice(offset, end + searchedContext);
  const match = { ruleId: secretLines.length > 1 ? 'private-key' : 'secret', start: column - offset, end: end - offset, secret };
  return {
    startLine: line,
    endLine,
    startColumn: column + 1,
    endColumn: secretLines.length > 1 ? secretLines.at(-1)!.length + 1 : column + secret.trimEnd().length + 1,
    snippet: withoutOpaqueWords(redactedSnippet(searched, new TextLines(searched), match, knownSecrets(searched, match, otherParts, path))),
  };
}

/** What the tool has found there, and what our own searches find beside it. */
function knownSecrets(text: string, match: SecretMatch, otherParts: readonly string[], path: string): readonly SecretMatch[] {
  const parts = otherParts.filter((part) => part.length >= shortestPart).flatMap((part) => occurrencesOf(part, text));
  return [parts, findFormedSecrets(text).matches, findAssignedSecrets(text, path)].reduce(withFurther, [match]);
}

function occurrencesOf(secret: string, text: string): SecretMatch[] {
  const matches: SecretMatch[] = [];
  for (let start = text.indexOf(secret); start !== -1; start = text.indexOf(secret, start + secret.length)) {
    matches.push({ ruleId: 'secret', start, end: start + secret.length, secret });
  }
  return matches;
}

/** Tools know hundreds of forms that our searches do not, and another of their finds may stand on the same line. */
function withoutOpaqueWords(snippet: string): string {
  return snippet.replace(/[\w+/.~-]{20,}=*/g, (word) => (/\d/.test(word) && /[A-Za-z]/.test(word) ? redacted : word));
}
