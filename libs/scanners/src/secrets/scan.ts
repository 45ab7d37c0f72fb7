import { createHash } from 'node:crypto';
import { secretPatterns } from '@cloudscan/telemetry';
import type { Severity } from '@cloudscan/domain';
import type { BuiltinFinding } from '../builtin/protocol.ts';
import type { BuiltinTask } from '../builtin/run-builtin.ts';
import { FileFingerprints } from '../source/fingerprint.ts';
import { Suppressions } from '../source/suppressions.ts';
import { isBinary, isMinified, readSource, walkSource } from '../source/walk-source.ts';
import type { SourceFile } from '../source/walk-source.ts';
import { findAssignedSecrets, findFormedSecrets, withFurther } from './find-secrets.ts';
import type { SecretMatch } from './find-secrets.ts';
import { redactedSnippet, secretHash, TextLines } from './redaction.ts';
import { ruleOf } from './rules.ts';
import { findBySecretlint } from './second-engine.ts';

export interface SecretsOptions {
  /** The key of the keyed hashes. */
  readonly hashKey: string;
}

/** Bytes; a larger file is data, not source. */
const maxFileBytes = 10 * 1024 * 1024;
/** Characters up to which the slower searches, those without a form to go by, are made. */
const maxThoroughLength = 1024 * 1024;

/** Files that are read ahead; with the largest ones they fit into the scanner's memory. */
const filesAhead = 8;

/** Only what others wrote: unlike code to be mended, a secret in generated files or editor settings is as good as any. */
export const ignoredFolders: ReadonlySet<string> = new Set([
  ...['.git', '.hg', '.svn', 'node_modules', 'bower_components', 'jspm_packages', 'vendor', 'third_party'],
  ...['site-packages', '.venv', 'venv', '.tox', '.eggs', '__pycache__', '.mypy_cache', '.pytest_cache', '.gradle', '.nx'],
]);

/** Hashes and public keys by the thousand, written by package managers. */
const generatedNames =
  /^(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|poetry\.lock|Pipfile\.lock|uv\.lock|pdm\.lock|go\.sum|Cargo\.lock|composer\.lock|Gemfile\.lock)$/;

const mediaNames =
  /\.(?:png|jpe?g|gif|webp|ico|bmp|svg|woff2?|ttf|otf|eot|mp[34]|mov|avi|webm|pdf|zip|gz|tgz|bz2|xz|7z|rar|jar|war|class|so|dll|dylib|exe|wasm|pyc|map)$/i;

const testPath =
  /(?:^|\/)(?:tests?|__tests__|__mocks__|specs?|fixtures?|testdata|test-?resources|mocks?|stubs?|examples?|samples?|demos?|docs?)\/|[._-](?:test|spec|mock|fixture|stories)s?\.[\w.]+$|(?:^|\/)test_[^/]+\.py$|_test\.go$|(?:Test|Spec|IT)\.(?:java|kt|scala|groovy)$/;

/** Where people show how something is written. */
const documentPath = /\.(?:md|mdx|rst|adoc|txt)$/i;

/** Kinds that tests make for themselves, and documents make up. */
const madeUp: ReadonlySet<string> = new Set([
  ...['private-key', 'putty-private-key', 'age-secret-key', 'jwt'],
  ...['url-credentials', 'connection-string-password', 'assigned-secret'],
]);

/** Changes with the table of patterns. */
export function rulesVersion(): string {
  const hash = createHash('sha256');
  for (const { id, pattern } of secretPatterns) hash.update(`${id}\0${pattern.source}\0${pattern.flags}\0`);
  return hash.digest('hex').slice(0, 12);
}

/** Each secret once for each place where it stands. */
export async function* scan({ sourceDir, options, progress, remark }: BuiltinTask<SecretsOptions>): AsyncGenerator<BuiltinFinding, void> {
  let files = 0;
  let skipped = 0;
  const walk = {
    maxFileBytes,
    ignoredFolders,
    wants: (_path: string, name: string) => !mediaNames.test(name),
    onSkip: () => (skipped += 1),
  };
  for await (const { path, text } of readAhead(walkSource(sourceDir, walk))) {
    files += 1;
    if (text !== null) yield* scanText(text, path, options.hashKey);
    // How many there will be is unknown; the fraction nears 1 and never reaches it.
    progress(1 - 1 / (1 + files / 2000));
  }
  if (skipped > 0) remark(`${skipped} files above ${maxFileBytes / 1024 / 1024} MiB or unreadable were left out`);
}

/** The findings of one file. */
export async function* scanText(text: string, path: string, hashKey: string): AsyncGenerator<BuiltinFinding, void> {
  const matches = await findSecrets(text, path);
  if (matches.length === 0) return;
  const lines = new TextLines(text);
  const suppressions = new Suppressions(text.split(/\r?\n/));
  const fingerprints = new FileFingerprints(path);
  for (const match of matches) {
    const startLine = lines.lineOf(match.start);
    const endLine = lines.lineOf(match.end - 1);
    const { id, name, severity, revokeIn, cweId } = ruleOf(match.ruleId);
    const hash = secretHash(match.secret, hashKey);
    const fingerprint = fingerprints.next(id, hash);
    if (suppressions.covers(startLine, id)) continue;
    yield {
      ruleId: id,
      severity: severityAt(path, id, severity),
      title: `${name} in the source`,
      description: `${name}: whoever can read this file or the history of its repository can use it.`,
      filePath: path,
      startLine,
      endLine,
      startColumn: lines.columnOf(match.start),
      endColumn: lines.columnOf(match.end - 1) + 1,
      codeSnippet: redactedSnippet(text, lines, match, matches),
      cweId,
      remediation: `Revoke it in ${revokeIn} and issue a new one; taking the line out is not enough, since the history keeps it. Read the new one from the environment or a secret store. If it is no secret, put the comment cloudscan-ignore on its line.`,
      references: [
        `https://cwe.mitre.org/data/definitions/${cweId.slice(4)}.html`,
        'https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html',
      ],
      rawOutput: JSON.stringify({ rule: id, secretHmacSha256: hash }),
      fingerprint,
    };
  }
}

async function findSecrets(text: string, path: string): Promise<readonly SecretMatch[]> {
  const { matches, suspicious } = findFormedSecrets(text);
  if (text.length > maxThoroughLength) return matches;
  const thorough = suspicious ? withFurther(matches, await findBySecretlint(text)) : matches;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const guessable = !generatedNames.test(name) && !testPath.test(path) && !isMinified(name, text);
  return guessable ? withFurther(thorough, findAssignedSecrets(text, path)) : thorough;
}

function severityAt(path: string, ruleId: string, severity: Severity): Severity {
  return madeUp.has(ruleId) && (testPath.test(path) || documentPath.test(path)) ? 'low' : severity;
}

/** The files in their order, a few of them read while one is searched: most of a scan's time would be waiting for the disk. */
async function* readAhead(files: AsyncIterable<SourceFile>): AsyncGenerator<{ readonly path: string; readonly text: string | null }, void> {
  const reading: Promise<{ path: string; text: string | null }>[] = [];
  for await (const file of files) {
    reading.push(readText(file).then((text) => ({ path: file.path, text })));
    if (reading.length >= filesAhead) yield await reading.shift()!;
  }
  for (const each of reading) yield await each;
}

/** Null for what is not text. UTF-16 with its byte order mark, as Windows tools write it, is. */
async function readText(file: SourceFile): Promise<string | null> {
  const bytes = await readSource(file);
  if (bytes === null) return null;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString('utf16le');
  return isBinary(bytes) ? null : bytes.toString('utf8');
}
