import { invalidArgument } from '@cloudscan/domain';
import type { FindingDraft, ScanType } from '@cloudscan/domain';
import type { Digest, SarifLog, SarifLogResult, SarifLogRun, SarifLogs } from '@cloudscan/orchestration';
import { readSarifResults, readSarifRuns, SarifReadError } from '@cloudscan/sarif';
import type { SarifLimits, SarifRunFacts } from '@cloudscan/sarif';
import { redactSecrets } from '@cloudscan/telemetry';
import { limitVariables } from './config.ts';
import type { LogSpool, SpooledLog } from './log-spool.ts';

/** Logs that wait on disk while they are read. */
export class SpooledSarifLogs implements SarifLogs {
  readonly #spool: LogSpool;
  readonly #limits: SarifLimits;

  constructor(spool: LogSpool, limits: SarifLimits) {
    this.#spool = spool;
    this.#limits = limits;
  }

  async receive(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<SarifLog> {
    return new ReceivedLog(await this.#spool.receive(chunks, signal), this.#limits);
  }
}

class ReceivedLog implements SarifLog {
  readonly #log: SpooledLog;
  readonly #limits: SarifLimits;
  #runs: readonly SarifRunFacts[] = [];

  constructor(log: SpooledLog, limits: SarifLimits) {
    this.#log = log;
    this.#limits = limits;
  }

  get received(): Digest {
    return this.#log.received;
  }

  get content(): Digest {
    return this.#log.content;
  }

  async runs(): Promise<readonly SarifLogRun[]> {
    try {
      this.#runs = await readSarifRuns(this.#log, this.#limits);
      return this.#runs.map(toRun);
    } catch (error) {
      throw refusal(error);
    }
  }

  async *results(scanType: ScanType | null): AsyncGenerator<SarifLogResult> {
    try {
      for await (const result of readSarifResults(this.#log, this.#runs, { scanType })) {
        const { runIndex, resultIndex, moreLocations, suppressed, baseline, kind } = result;
        const isPass = kind === 'pass' || kind === 'notApplicable';
        const draft = withoutSecret(result.draft);
        yield { runIndex, resultIndex, draft, moreLocations, isSuppressed: suppressed, isAbsent: baseline === 'absent', isPass };
      }
    } catch (error) {
      throw refusal(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log[Symbol.asyncDispose]();
  }
}

function toRun({ toolName, toolVersion, rulesVersion, resultsCount, invocation, git }: SarifRunFacts): SarifLogRun {
  const failed = invocation?.successful === false;
  return {
    tool: {
      name: toolName,
      version: toolVersion,
      rulesVersion,
      status: failed ? 'failed' : 'succeeded',
      durationMs: durationOf(invocation),
      exitCode: invocation?.exitCode ?? 0,
      errorMessage: failed ? 'its log says that it was not successful' : '',
      evidence: redactSecrets(invocation?.notifications ?? ''),
    },
    resultsCount,
    git: git ?? { url: '', branch: '', commit: '' },
  };
}

/** 0 where the log does not say. */
function durationOf(invocation: SarifRunFacts['invocation']): number {
  const { startedAt = null, endedAt = null } = invocation ?? {};
  return startedAt === null || endedAt === null ? 0 : Math.max(0, endedAt.getTime() - startedAt.getTime());
}

/** Tools that look for secrets quote them, and nobody here knows where in the quotation the secret begins: nothing of it is kept. */
function withoutSecret(draft: FindingDraft): FindingDraft {
  if (draft.scanType !== 'secrets') return draft;
  const { title, description } = draft;
  return { ...draft, title: redactSecrets(title), description: redactSecrets(description), codeSnippet: '', rawOutput: '' };
}

/** The path is in the message already. */
function refusal(error: unknown): unknown {
  if (!(error instanceof SarifReadError)) return error;
  const remedy = error.limit === null ? '' : `; ${limitVariables[error.limit]} of the server raises that`;
  return invalidArgument('chunk', `${error.message}${remedy}`);
}
