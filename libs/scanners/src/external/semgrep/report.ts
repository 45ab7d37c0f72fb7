import type { FindingDraft } from '@cloudscan/domain';
import { readJsonItems } from '@cloudscan/json-stream';
import { readSecuritySeverity } from '@cloudscan/sarif';
import { redactSecrets } from '@cloudscan/telemetry';
import { completeFinding } from '../../builtin/protocol.ts';
import { asArray, asText, field } from '../../inventory/untrusted.ts';
import { FileFingerprints } from '../../source/fingerprint.ts';
import { snippetOf } from '../../source/snippet.ts';
import { Suppressions } from '../../source/suppressions.ts';
import { rawOutputOf } from '../raw-output.ts';
import type { Deliver } from '../run-tool.ts';
import { semgrepSeverity } from '../severity.ts';
import { SourceText, textIn, utf16Column } from '../source-text.ts';
import type { Span } from '../source-text.ts';

/** The message and the variables of a match may quote a whole function. */
const maxItemBytes = 8 * 1024 * 1024;
const maxDepth = 200;

/**
 * Semgrep's own report (`--json`; https://semgrep.dev/docs/semgrep-appsec-platform/json-and-sarif), which says more of a rule than its
 * SARIF. Results come sorted by file. What Semgrep hides from those without an account (`lines`, `fingerprint`) is taken from the source.
 */
export class SemgrepReport {
  readonly #toolVersion: string;
  readonly #source: SourceText;
  #filePath = '';
  #fingerprints = new FileFingerprints('');
  #suppressions = new Suppressions([]);
  readonly #partial = new Map<PartialReading, Set<string>>();
  readonly #unusedRules = new Set<string>();
  scannedFiles = 0;
  /** The last error that ended the scan. */
  lastWords = '';

  constructor(sourceDir: string, toolVersion: string) {
    this.#toolVersion = toolVersion;
    this.#source = new SourceText(sourceDir);
  }

  /** @throws JsonStreamError when it is no report */
  async read(stdout: AsyncIterable<Uint8Array>, deliver: Deliver): Promise<void> {
    const select = ['$.results[*]', '$.errors[*]', '$.paths.scanned[*]'];
    for await (const { path, value } of readJsonItems(stdout, { select, maxItemBytes, maxDepth })) {
      switch (path[0]) {
        case 'results': {
          const finding = await this.#finding(value);
          if (finding !== null) await deliver(finding);
          break;
        }
        case 'errors':
          this.#error(value);
          break;
        default:
          this.scannedFiles += 1;
      }
    }
  }

  /** What was not looked at, or not looked for; empty when everything was. */
  remark(): string {
    const parts = partialReadings.flatMap((kind) => {
      const files = this.#partial.get(kind)?.size ?? 0;
      return files === 0 ? [] : [`${files} ${words[kind]}`];
    });
    const rules = this.#unusedRules.size;
    return [
      ...(parts.length === 0 ? [] : [`files read only in part: ${parts.join(', ')}`]),
      ...(rules === 0 ? [] : [`rules that this version cannot use: ${rules}`]),
    ].join('; ');
  }

  #error(error: unknown): void {
    const [kind] = [field(error, 'type')].flat();
    const message = ['short_msg', 'message', 'long_msg'].map((name) => asText(field(error, name))).filter((text) => text !== '');
    if (field(error, 'level') === 'error') this.lastWords = message.join(': ').replace(/\s+/g, ' ');
    const path = asText(field(error, 'path'));
    const ruleId = asText(field(error, 'rule_id'));
    if (path === '') {
      if (ruleId !== '') this.#unusedRules.add(ruleId);
      return;
    }
    const reading = partialReadingOf(asText(kind));
    this.#partial.set(reading, (this.#partial.get(reading) ?? new Set()).add(path));
  }

  /** Null for what a comment in the source takes out, or a path out of the source. */
  async #finding(result: unknown): Promise<FindingDraft | null> {
    const filePath = this.#source.relativePath(asText(field(result, 'path')));
    if (filePath === null) return null;
    const lines = await this.#enter(filePath);
    const ruleId = asText(field(result, 'check_id'));
    const span = spanOf(result);
    const { startLine, endLine } = span;
    const fingerprint = this.#fingerprints.next(ruleId, textIn(lines, span));
    if (this.#suppressions.covers(startLine, ruleId)) return null;
    const extra = field(result, 'extra');
    const metadata = field(extra, 'metadata');
    const message = redactSecrets(asText(field(extra, 'message')).trim());
    const cwes = textsOf(field(metadata, 'cwe')).flatMap((text) => /CWE-\d+/.exec(text)?.[0] ?? []);
    const securitySeverity = readSecuritySeverity(field(metadata, 'security-severity'));
    return completeFinding(
      {
        ruleId,
        severity: semgrepSeverity(asText(field(extra, 'severity')), {
          impact: asText(field(metadata, 'impact')),
          likelihood: asText(field(metadata, 'likelihood')),
          confidence: asText(field(metadata, 'confidence')),
          securitySeverity,
        }),
        title: asText(field(metadata, 'title')) || firstSentence(message),
        description: message,
        filePath,
        startLine,
        endLine,
        startColumn: utf16Column(lines[startLine - 1], span.startColumn),
        endColumn: utf16Column(lines[endLine - 1], span.endColumn),
        codeSnippet: redactSecrets(snippetOf(lines, startLine, endLine)),
        cveId: textsOf(field(metadata, 'cve'))[0] ?? '',
        cweId: cwes[0] ?? '',
        cvssScore: securitySeverity ?? 0,
        cvssVector: asText(field(metadata, 'cvss-vector')),
        remediation: remediationOf(extra, metadata),
        references: referencesOf(metadata, cwes),
        rawOutput: rawOutputOf({ ...(result as object), path: filePath }),
        fingerprint,
      },
      { scanType: 'sast', toolName: 'semgrep', toolVersion: this.#toolVersion },
    );
  }

  async #enter(filePath: string): Promise<readonly string[]> {
    const lines = await this.#source.linesOf(filePath);
    if (filePath !== this.#filePath) {
      this.#filePath = filePath;
      this.#fingerprints = new FileFingerprints(filePath);
      this.#suppressions = new Suppressions(lines);
    }
    return lines;
  }
}

const partialReadings = ['syntax', 'time', 'memory', 'other'] as const;
type PartialReading = (typeof partialReadings)[number];

const words: Readonly<Record<PartialReading, string>> = {
  syntax: 'with syntax that Semgrep does not know',
  time: 'where a rule took too long',
  memory: 'where a rule took too much memory',
  other: 'where Semgrep failed',
};

/** By the names of errors in Semgrep's interface definition (semgrep_output_v1.atd). */
function partialReadingOf(type: string): PartialReading {
  switch (type) {
    case 'PartialParsing':
    case 'Syntax error':
    case 'Lexical error':
    case 'Other syntax error':
    case 'AST builder error':
      return 'syntax';
    case 'Timeout':
    case 'Timeout during interfile analysis':
    case 'Fixpoint timeout':
      return 'time';
    case 'Out of memory':
    case 'OOM during interfile analysis':
      return 'memory';
    default:
      return 'other';
  }
}

function spanOf(result: unknown): Span {
  const at = (side: 'start' | 'end', name: 'line' | 'col'): number => positionOf(field(field(result, side), name));
  return { startLine: at('start', 'line'), startColumn: at('start', 'col'), endLine: at('end', 'line'), endColumn: at('end', 'col') };
}

/** What the rule's author advises, and what Semgrep would put in the place of the match. */
function remediationOf(extra: unknown, metadata: unknown): string {
  const fix = asText(field(extra, 'fix'));
  const advice = asText(field(metadata, 'remediation'));
  return redactSecrets([advice, ...(fix === '' ? [] : [`Replace it by: ${fix}`])].filter((text) => text !== '').join('\n'));
}

function referencesOf(metadata: unknown, cwes: readonly string[]): readonly string[] {
  const own = [...textsOf(field(metadata, 'references')), asText(field(metadata, 'shortlink')), asText(field(metadata, 'source'))];
  const definitions = cwes.map((cwe) => `https://cwe.mitre.org/data/definitions/${cwe.slice('CWE-'.length)}.html`);
  return [...new Set([...own, ...definitions])].filter((reference) => URL.canParse(reference));
}

/** Rules of the registry have no title. */
function firstSentence(message: string): string {
  const sentence = /^.{1,150}?(?=[.!?](?:\s|$)|\n|$)/s.exec(message)?.[0];
  return sentence ?? (message.length > 150 ? `${message.slice(0, 150)}…` : message);
}

/** Metadata of rules holds a text or a list of them. */
function textsOf(value: unknown): readonly string[] {
  return typeof value === 'string' ? [value] : asArray(value).filter((each) => typeof each === 'string');
}

function positionOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
