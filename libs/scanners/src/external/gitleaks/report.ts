import { readJsonItems } from '@cloudscan/json-stream';
import { asArray, asText, field } from '../../inventory/untrusted.ts';
import type { Deliver } from '../run-tool.ts';
import { SecretFindings } from '../secret-findings.ts';
import type { FoundSecret, SecretTool } from '../secret-findings.ts';
import { gitleaksSeverity } from '../severity.ts';

/** Bytes. A finding holds the secret twice, and a secret is no larger than a key. */
const maxItemBytes = 1024 * 1024;
const maxDepth = 10;

/** gitleaks' own report: an array of findings. `Secret` and `Match` hold the secret and stay here. Its columns differ by one between versions and are not taken. */
export class GitleaksReport {
  readonly #findings: SecretFindings;

  constructor(tool: SecretTool) {
    this.#findings = new SecretFindings(tool);
  }

  /** @throws JsonStreamError when it is no report */
  async read(report: AsyncIterable<Uint8Array>, deliver: Deliver): Promise<void> {
    for await (const { value } of readJsonItems(report, { select: ['$[*]'], maxItemBytes, maxDepth })) {
      const finding = await this.#findings.finding(foundIn(value));
      if (finding !== null) await deliver(finding);
    }
  }
}

function foundIn(leak: unknown): FoundSecret {
  const ruleId = asText(field(leak, 'RuleID'));
  const line = field(leak, 'StartLine');
  return {
    ruleId,
    severity: gitleaksSeverity(ruleId),
    title: `Credential in the source: ${ruleId}`,
    description: asText(field(leak, 'Description')),
    path: asText(field(leak, 'File')),
    line: typeof line === 'number' ? line : 0,
    parts: [asText(field(leak, 'Secret'))],
    cweId: ruleId === 'private-key' || ruleId === 'age-secret-key' ? 'CWE-321' : 'CWE-798',
    references: [],
    record: {
      rule: ruleId,
      entropy: field(leak, 'Entropy'),
      tags: asArray(field(leak, 'Tags')).filter((tag) => typeof tag === 'string'),
    },
  };
}
