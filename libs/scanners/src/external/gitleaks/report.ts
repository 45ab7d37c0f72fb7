import type { FindingDraft } from '@cloudscan/domain';
import { readJsonItems } from '@cloudscan/json-stream';
import { redactSecrets } from '@cloudscan/telemetry';
import { completeFinding } from '../../builtin/protocol.ts';
import { asArray, asText, field } from '../../inventory/untrusted.ts';
import { secretHash } from '../../secrets/redaction.ts';
import { FileFingerprints } from '../../source/fingerprint.ts';
import { Suppressions } from '../../source/suppressions.ts';
import { rawOutputOf } from '../raw-output.ts';
import type { Deliver } from '../run-tool.ts';
import { gitleaksSeverity } from '../severity.ts';
import { SourceText } from '../source-text.ts';
import { placeOf } from '../trufflehog/place.ts';

/** Bytes. A finding holds the secret twice, and a secret is no larger than a key. */
const maxItemBytes = 1024 * 1024;
const maxDepth = 10;

/**
 * gitleaks' own report: an array of findings. `Secret` and `Match` hold the secret and stay here: what leaves is a keyed hash, and the line
 * with every secret in it hidden. Its columns differ by one between versions and are not taken.
 */
export class GitleaksReport {
  readonly #toolVersion: string;
  readonly #hashKey: string;
  readonly #source: SourceText;
  /** Findings of several files come mixed. */
  readonly #fingerprints = new Map<string, FileFingerprints>();

  /** @param hashKey the key of the keyed hashes */
  constructor(sourceDir: string, toolVersion: string, hashKey: string) {
    this.#source = new SourceText(sourceDir);
    this.#toolVersion = toolVersion;
    this.#hashKey = hashKey;
  }

  /** @throws JsonStreamError when it is no report */
  async read(report: AsyncIterable<Uint8Array>, deliver: Deliver): Promise<void> {
    for await (const { value } of readJsonItems(report, { select: ['$[*]'], maxItemBytes, maxDepth })) {
      const finding = await this.#finding(value);
      if (finding !== null) await deliver(finding);
    }
  }

  /** Null for what a comment in the source takes out, or a path out of the source. */
  async #finding(leak: unknown): Promise<FindingDraft | null> {
    const filePath = this.#source.relativePath(asText(field(leak, 'File')));
    if (filePath === null) return null;
    const ruleId = asText(field(leak, 'RuleID'));
    const secret = asText(field(leak, 'Secret'));
    const line = field(leak, 'StartLine');
    const lines = await this.#source.linesOf(filePath);
    const { snippet, ...place } = placeOf(lines, typeof line === 'number' ? line : 0, [secret], filePath);
    const { startLine } = place;
    const hash = secretHash(secret.trimEnd(), this.#hashKey);
    const fingerprint = this.#fingerprintsOf(filePath).next(ruleId, hash);
    if (new Suppressions(lines.slice(Math.max(0, startLine - 2), startLine)).covers(Math.min(startLine, 2), ruleId)) return null;
    const description = redactSecrets(asText(field(leak, 'Description')));
    const cweId = ruleId === 'private-key' || ruleId === 'age-secret-key' ? 'CWE-321' : 'CWE-798';
    return completeFinding(
      {
        ruleId,
        severity: gitleaksSeverity(ruleId),
        title: `Credential in the source: ${ruleId}`,
        description: `${description} Whoever can read this file or the history of its repository can use it.`.trim(),
        filePath,
        ...place,
        codeSnippet: snippet,
        cweId,
        remediation:
          'Revoke it with the service that has issued it and issue a new one; taking the line out is not enough, since the history keeps it. Read the new one from the environment or a secret store. If it is no secret, put the comment cloudscan-ignore on its line.',
        references: [
          `https://cwe.mitre.org/data/definitions/${cweId.slice('CWE-'.length)}.html`,
          'https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html',
        ],
        rawOutput: rawOutputOf({
          rule: ruleId,
          entropy: field(leak, 'Entropy'),
          tags: asArray(field(leak, 'Tags')).filter((tag) => typeof tag === 'string'),
          secretHmacSha256: hash,
        }),
        fingerprint,
      },
      { scanType: 'secrets', toolName: 'gitleaks', toolVersion: this.#toolVersion },
    );
  }

  #fingerprintsOf(filePath: string): FileFingerprints {
    const known = this.#fingerprints.get(filePath) ?? new FileFingerprints(filePath);
    this.#fingerprints.set(filePath, known);
    return known;
  }
}
