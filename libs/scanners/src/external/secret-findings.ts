import type { FindingDraft, Severity } from '@cloudscan/domain';
import { redactSecrets } from '@cloudscan/telemetry';
import { completeFinding } from '../builtin/protocol.ts';
import { secretHash } from '../secrets/redaction.ts';
import { FileFingerprints } from '../source/fingerprint.ts';
import { Suppressions } from '../source/suppressions.ts';
import { rawOutputOf } from './raw-output.ts';
import { placeOf } from './secret-place.ts';
import { SourceText } from './source-text.ts';

/** What a tool says of one secret. The secret itself goes no further than into a keyed hash. */
export interface FoundSecret {
  readonly ruleId: string;
  readonly severity: Severity;
  readonly title: string;
  /** What kind of credential it is, in whole sentences; may be empty. */
  readonly description: string;
  /** As the tool writes it: absolute, or relative to the source. */
  readonly path: string;
  /** 1-based; 0 where the tool does not tell. */
  readonly line: number;
  /** The secret, then what else belongs to the credential. */
  readonly parts: readonly [string, ...string[]];
  readonly cweId: string;
  /** Beside those about secrets as such. */
  readonly references: readonly string[];
  /** What of the tool's own record holds no secret. */
  readonly record: object;
}

export interface SecretTool {
  readonly name: string;
  readonly version: string;
  /** Absolute. */
  readonly sourceDir: string;
  /** The key of the keyed hashes. */
  readonly hashKey: string;
}

/** Makes findings of the secrets that a tool finds: with a hash in the place of the secret, and the line with every secret in it hidden. */
export class SecretFindings {
  readonly #tool: SecretTool;
  readonly #source: SourceText;
  /** Tools report several files at once. */
  readonly #fingerprints = new Map<string, FileFingerprints>();

  constructor(tool: SecretTool) {
    this.#tool = tool;
    this.#source = new SourceText(tool.sourceDir);
  }

  /** Null for what a comment in the source takes out, or a path out of the source. */
  async finding(found: FoundSecret): Promise<FindingDraft | null> {
    const { ruleId, severity, title, line, parts, cweId } = found;
    const filePath = this.#source.relativePath(found.path)?.toWellFormed();
    if (filePath === undefined) return null;
    const lines = await this.#source.linesOf(filePath);
    const { snippet, ...place } = placeOf(lines, line, parts, filePath);
    const hash = secretHash(parts[0].trimEnd(), this.#tool.hashKey);
    // Numbered before any is taken out, so that a comment changes nothing for the others.
    const fingerprint = this.#fingerprintsOf(filePath).next(ruleId, hash);
    if (isSuppressed(lines, line, ruleId)) return null;
    return completeFinding(
      {
        ruleId,
        severity,
        title,
        description: `${redactSecrets(found.description)} Whoever can read this file or the history of its repository can use it.`.trim(),
        filePath,
        ...place,
        codeSnippet: snippet,
        cweId,
        remediation:
          'Revoke it with the service that has issued it and issue a new one; taking the line out is not enough, since the history keeps it. Read the new one from the environment or a secret store. If it is no secret, put the comment cloudscan-ignore on its line.',
        references: [
          ...found.references.filter((url) => /^https?:\/\//.test(url)),
          `https://cwe.mitre.org/data/definitions/${cweId.slice('CWE-'.length)}.html`,
          'https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html',
        ],
        rawOutput: rawOutputOf({ ...found.record, secretHmacSha256: hash }),
        fingerprint,
      },
      { scanType: 'secrets', toolName: this.#tool.name, toolVersion: this.#tool.version },
    );
  }

  #fingerprintsOf(filePath: string): FileFingerprints {
    const known = this.#fingerprints.get(filePath) ?? new FileFingerprints(filePath);
    this.#fingerprints.set(filePath, known);
    return known;
  }
}

/** A comment speaks for its own line or for the next. */
function isSuppressed(lines: readonly string[], line: number, ruleId: string): boolean {
  const before = Math.max(0, line - 2);
  return new Suppressions(lines.slice(before, line)).covers(line - before, ruleId);
}
