import type { FindingDraft, ScanType, ToolRun } from '@cloudscan/domain';

/** SARIF logs (version 2.1.0) that callers send. */
export interface SarifLogs {
  /**
   * Receives a log whole, plain or gzip, before any of it is taken for true: what its results mean may stand behind them.
   *
   * @throws invalid_argument for a log that is larger than the deployment takes or is no gzip, resource_exhausted while as many logs
   *   are at work as the deployment allows, the reason of the signal
   */
  receive(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<SarifLog>;
}

/** Bytes, and their SHA-256 in lower-case hexadecimal. */
export interface Digest {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * A log that was received, until it is disposed of. Its methods throw `invalid_argument` with the JSON path of a fault,
 * and the reason of the signal that it was received with.
 */
export interface SarifLog extends AsyncDisposable {
  /** As it came. */
  readonly received: Digest;
  /** Without compression. */
  readonly content: Digest;
  /** Checks that the whole document is JSON, and what stands around the results. */
  runs(): Promise<readonly SarifLogRun[]>;
  /**
   * In the order of the log, in constant memory; any number of times, after `runs`.
   *
   * @param scanType of every finding; null: judged by what the run says of its tool and rules
   */
  results(scanType: ScanType | null): AsyncIterable<SarifLogResult>;
}

export interface SarifLogRun {
  /** As the log tells it, in texts of any length. */
  readonly tool: Omit<ToolRun, 'scanType' | 'findingsCount'>;
  readonly resultsCount: number;
  /** The repository that was scanned, empty where the log does not say. */
  readonly git: { readonly url: string; readonly branch: string; readonly commit: string };
}

export interface SarifLogResult {
  readonly runIndex: number;
  readonly resultIndex: number;
  readonly draft: FindingDraft;
  /** How many places the result has after the first, which is the finding's. */
  readonly moreLocations: number;
  readonly isSuppressed: boolean;
  /** In the baseline and no longer there. */
  readonly isAbsent: boolean;
  /** Of a kind that says that nothing is wrong. */
  readonly isPass: boolean;
}
