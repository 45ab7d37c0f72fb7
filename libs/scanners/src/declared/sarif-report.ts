import { createReadStream } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { FindingDraft } from '@cloudscan/domain';
import type { DeclaredScanner } from '@cloudscan/config';
import { readSarifResults, readSarifRuns, toolLimits } from '@cloudscan/sarif';
import type { SarifResult } from '@cloudscan/sarif';
import { redactSecrets } from '@cloudscan/telemetry';
import { rawOutputOf } from '../external/raw-output.ts';
import type { Deliver } from '../external/run-tool.ts';
import { SourceText } from '../external/source-text.ts';
import { fingerprintOf } from '../source/fingerprint.ts';
import { snippetOf } from '../source/snippet.ts';

const highWaterMark = 256 * 1024;

/** The log that a declared tool has written, and what is to be known of it beside its findings. */
export class SarifReport {
  readonly #declared: DeclaredScanner;
  readonly #toolVersion: string;
  readonly #sourceDir: string;
  readonly #source: SourceText;
  readonly #seen = new Map<string, number>();
  /** What the tool said of a failure of its own; null where it said of none. */
  failure: string | null = null;

  /** @param toolVersion stands where the log names none */
  constructor(declared: DeclaredScanner, toolVersion: string, sourceDir: string) {
    this.#declared = declared;
    this.#toolVersion = toolVersion;
    this.#sourceDir = sourceDir;
    this.#source = new SourceText(sourceDir);
  }

  /** @throws SarifReadError with the JSON path of the fault */
  async read(path: string, deliver: Deliver): Promise<void> {
    const source = { open: () => createReadStream(path, { highWaterMark }) };
    const runs = await readSarifRuns(source, toolLimits);
    const failed = runs.filter(({ invocation }) => invocation?.successful === false);
    if (failed.length > 0) this.failure = failed.map(({ invocation }) => invocation!.notifications).join('\n');
    const options = { scanType: this.#declared.type, sourceUri: pathToFileURL(this.#sourceDir).href };
    for await (const result of readSarifResults(source, runs, options))
      if (isFinding(result)) await deliver(await this.#complete(result.draft));
  }

  /** The name is the declared one, by which users know the tool. */
  async #complete(draft: FindingDraft): Promise<FindingDraft> {
    const isSecret = draft.scanType === 'secrets';
    const isWhole = draft.codeSnippet !== '' && draft.fingerprint !== '';
    const lines = draft.startLine > 0 && !isWhole ? await this.#source.linesOf(draft.filePath) : [];
    const code = snippetOf(lines, draft.startLine, draft.endLine);
    return {
      ...draft,
      toolName: this.#declared.name,
      toolVersion: draft.toolVersion || this.#toolVersion,
      title: redactSecrets(draft.title),
      description: redactSecrets(draft.description),
      // Nobody here knows where in its line a secret begins.
      codeSnippet: isSecret ? '' : redactSecrets(draft.codeSnippet || code),
      rawOutput: isSecret ? '' : withoutSecrets(draft.rawOutput),
      fingerprint: draft.fingerprint || this.#fingerprint(draft, isSecret ? '' : code || draft.description),
    };
  }

  #fingerprint({ ruleId, filePath }: FindingDraft, text: string): string {
    const first = fingerprintOf({ ruleId, filePath, text, occurrence: 0 });
    const occurrence = this.#seen.get(first) ?? 0;
    this.#seen.set(first, occurrence + 1);
    return occurrence === 0 ? first : fingerprintOf({ ruleId, filePath, text, occurrence });
  }
}

/** A record that holds none, as nearly all, is looked at once and as a whole. */
function withoutSecrets(rawOutput: string): string {
  return redactSecrets(rawOutput) === rawOutput ? rawOutput : rawOutputOf(JSON.parse(rawOutput) as object);
}

/** Neither passed, nor gone since the baseline, nor taken for no matter by somebody. */
function isFinding({ kind, baseline, suppressed }: SarifResult): boolean {
  return kind !== 'pass' && kind !== 'notApplicable' && baseline !== 'absent' && !suppressed;
}
