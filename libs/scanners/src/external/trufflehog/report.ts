import { readLines } from '../../builtin/ndjson.ts';
import { asText, field } from '../../inventory/untrusted.ts';
import type { Deliver } from '../run-tool.ts';
import { SecretFindings } from '../secret-findings.ts';
import type { FoundSecret, SecretTool } from '../secret-findings.ts';
import { truffleHogVerifications } from '../severity.ts';

/** Bytes. A result holds the secret twice, and a secret is no larger than a key. */
const maxLineBytes = 8 * 1024 * 1024;

/** `unverified` only where a try has failed: what was not tried may open any door. */
type Verification = keyof typeof truffleHogVerifications;

const verdicts: Readonly<Record<Verification, string>> = {
  verified: 'TruffleHog has tried it: it works.',
  unknown: 'Whether it still works was not found out.',
  unverified: 'TruffleHog has tried it: the service refused it.',
};

/**
 * TruffleHog's results (`--json`), one a line. `Raw`, `RawV2`, and `Redacted`, which shows the beginning of a private key, hold the secret and
 * stay here, as the error of a try does.
 */
export class TrufflehogReport {
  readonly #findings: SecretFindings;
  readonly #verifies: boolean;

  /** @param verifies whether TruffleHog was told to try what it finds */
  constructor(tool: SecretTool, verifies: boolean) {
    this.#findings = new SecretFindings(tool);
    this.#verifies = verifies;
  }

  /** @throws Error when it is no report; the message quotes nothing of it */
  async read(stdout: AsyncIterable<Uint8Array>, deliver: Deliver): Promise<void> {
    let line = 0;
    for await (const text of readLines(stdout, maxLineBytes)) {
      line += 1;
      const finding = await this.#findings.finding(this.#found(parseResult(text, line)));
      if (finding !== null) await deliver(finding);
    }
  }

  #found(result: unknown): FoundSecret {
    const text = (name: string): string => asText(field(result, name));
    const place = field(field(field(result, 'SourceMetadata'), 'Data'), 'Filesystem');
    const detector = text('DetectorName');
    const extra = field(result, 'ExtraData');
    // A detector of one's own has its name there.
    const ruleId = detector === 'CustomRegex' ? asText(field(extra, 'name')) || detector : detector;
    const verification = this.#verificationOf(result);
    const kind = text('DetectorDescription').replace(/[^.]$/, '$&.');
    return {
      ruleId,
      severity: truffleHogVerifications[verification],
      title: `${ruleId} credential in the source${verification === 'verified' ? ', and it works' : ''}`,
      description: `${kind} ${verdicts[verification]}`.trim(),
      path: asText(field(place, 'file')),
      line: lineOf(field(place, 'line')),
      parts: partsOf(text('Raw'), text('RawV2')),
      cweId: 'CWE-798',
      references: [asText(field(extra, 'rotation_guide'))],
      record: {
        detector,
        detectorType: field(result, 'DetectorType'),
        decoder: text('DecoderName'),
        verification,
        verificationFailed: text('VerificationError') !== '',
      },
    };
  }

  #verificationOf(result: unknown): Verification {
    if (field(result, 'Verified') === true) return 'verified';
    return this.#verifies && asText(field(result, 'VerificationError')) === '' ? 'unverified' : 'unknown';
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

/** The secret, and what else `RawV2` joins to it, by a colon in most detectors. */
function partsOf(raw: string, joined: string): [string, ...string[]] {
  return [raw || joined, ...joined.replace(raw, '').split(/[\s:;|]+/)];
}

function lineOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
