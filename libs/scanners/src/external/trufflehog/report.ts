import type { FindingDraft } from '@cloudscan/domain';
import { redactSecrets } from '@cloudscan/telemetry';
import { readLines } from '../../builtin/ndjson.ts';
import { completeFinding } from '../../builtin/protocol.ts';
import { asText, field } from '../../inventory/untrusted.ts';
import { secretHash } from '../../secrets/redaction.ts';
import { FileFingerprints } from '../../source/fingerprint.ts';
import { Suppressions } from '../../source/suppressions.ts';
import { rawOutputOf } from '../raw-output.ts';
import type { Deliver } from '../run-tool.ts';
import { truffleHogVerifications } from '../severity.ts';
import { SourceText } from '../source-text.ts';
import { placeOf } from './place.ts';

/** Bytes. A result holds the secret twice, and a secret is no larger than a key. */
const maxLineBytes = 8 * 1024 * 1024;

const cweId = 'CWE-798';

/** `unverified` only where a try has failed: what was not tried may open any door. */
type Verification = keyof typeof truffleHogVerifications;

const verdicts: Readonly<Record<Verification, string>> = {
  verified: 'TruffleHog has tried it: it works.',
  unknown: 'Whether it still works was not found out.',
  unverified: 'TruffleHog has tried it: the service refused it.',
};

export interface TrufflehogReportOptions {
  /** Absolute. */
  readonly sourceDir: string;
  readonly toolVersion: string;
  /** Whether TruffleHog was told to try what it finds. */
  readonly verifies: boolean;
  /** The key of the keyed hashes. */
  readonly hashKey: string;
}

/**
 * TruffleHog's results (`--json`), one a line. `Raw`, `RawV2` and `Redacted`, which shows the beginning of a private key, hold the secret and
 * stay here: what leaves is a keyed hash and the line with every secret in it hidden.
 */
export class TrufflehogReport {
  readonly #options: TrufflehogReportOptions;
  readonly #source: SourceText;
  /** Results of several files come mixed. */
  readonly #fingerprints = new Map<string, FileFingerprints>();

  constructor(options: TrufflehogReportOptions) {
    this.#options = options;
    this.#source = new SourceText(options.sourceDir);
  }

  /** @throws Error when it is no report; the message quotes nothing of it */
  async read(stdout: AsyncIterable<Uint8Array>, deliver: Deliver): Promise<void> {
    let line = 0;
    for await (const text of readLines(stdout, maxLineBytes)) {
      line += 1;
      const finding = await this.#finding(parseResult(text, line));
      if (finding !== null) await deliver(finding);
    }
  }

  /** Null for what a comment in the source takes out, or a path out of the source. */
  async #finding(result: unknown): Promise<FindingDraft | null> {
    const text = (name: string): string => asText(field(result, name));
    const place = field(field(field(result, 'SourceMetadata'), 'Data'), 'Filesystem');
    const filePath = this.#source.relativePath(asText(field(place, 'file')))?.toWellFormed();
    if (filePath === undefined) return null;
    const secret = text('Raw') || text('RawV2');
    const lines = await this.#source.linesOf(filePath);
    const { startLine, endLine, startColumn, endColumn, snippet } = placeOf(lines, lineOf(field(place, 'line')), partsOf(result), filePath);
    const detector = text('DetectorName');
    const extra = field(result, 'ExtraData');
    // A detector of one's own has its name there.
    const ruleId = detector === 'CustomRegex' ? asText(field(extra, 'name')) || detector : detector;
    const hash = secretHash(secret.trimEnd(), this.#options.hashKey);
    const fingerprint = this.#fingerprintsOf(filePath).next(ruleId, hash);
    if (new Suppressions(lines.slice(Math.max(0, startLine - 2), startLine)).covers(Math.min(startLine, 2), ruleId)) return null;
    const verification = this.#verificationOf(result);
    const description = redactSecrets(text('DetectorDescription'));
    return completeFinding(
      {
        ruleId,
        severity: truffleHogVerifications[verification],
        title: `${ruleId} credential in the source${verification === 'verified' ? ', and it works' : ''}`,
        description: `${description === '' ? '' : `${description.replace(/\.?$/, '.')} `}Whoever can read this file or the history of its repository can use it. ${verdicts[verification]}`,
        filePath,
        startLine,
        endLine,
        startColumn,
        endColumn,
        codeSnippet: snippet,
        cweId,
        remediation:
          'Revoke it with the service that has issued it and issue a new one; taking the line out is not enough, since the history keeps it. Read the new one from the environment or a secret store. If it is no secret, put the comment cloudscan-ignore on its line.',
        references: [
          asText(field(extra, 'rotation_guide')),
          `https://cwe.mitre.org/data/definitions/${cweId.slice(4)}.html`,
          'https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html',
        ].filter((url) => /^https?:\/\//.test(url)),
        rawOutput: rawOutputOf({
          detector,
          detectorType: field(result, 'DetectorType'),
          decoder: text('DecoderName'),
          verification,
          verificationFailed: text('VerificationError') !== '',
          secretHmacSha256: hash,
        }),
        fingerprint,
      },
      { scanType: 'secrets', toolName: 'trufflehog', toolVersion: this.#options.toolVersion },
    );
  }

  #verificationOf(result: unknown): Verification {
    if (field(result, 'Verified') === true) return 'verified';
    return this.#options.verifies && asText(field(result, 'VerificationError')) === '' ? 'unverified' : 'unknown';
  }

  #fingerprintsOf(filePath: string): FileFingerprints {
    const known = this.#fingerprints.get(filePath) ?? new FileFingerprints(filePath);
    this.#fingerprints.set(filePath, known);
    return known;
  }
}

/** An error of JSON.parse would quote the line. */
function parseResult(text: string, line: number): unknown {
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch {
    result = null;
  }
  if (asText(field(result, 'DetectorName')) === '') throw new Error(`line ${line} is no result of TruffleHog`);
  return result;
}

/** The secret and what else `RawV2` joins to it, by a colon in most detectors. */
function partsOf(result: unknown): [string, ...string[]] {
  const [raw, joined] = [asText(field(result, 'Raw')), asText(field(result, 'RawV2'))];
  return [raw || joined, ...joined.replace(raw, '').split(/[\s:;|]+/)];
}

function lineOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
