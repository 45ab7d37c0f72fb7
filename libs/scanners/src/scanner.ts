import type { FindingDraft, ScanType, ToolStatus } from '@cloudscan/domain';
import type { MemoryBudget } from '@cloudscan/process';

/**
 * One tool. Built-in scanners run in a process of their own (see `builtin-scanner.ts`); a tool on PATH is a process by
 * nature. Both are driven through this interface.
 */
export interface Scanner {
  /** As shown to users and in SARIF, for example `cloudscan-sast` or `semgrep`. */
  readonly name: string;
  readonly scanType: ScanType;
  /** Tells the version, or why the tool cannot run on this machine. Costs about a second, and never throws. */
  probe(): Promise<ScannerVersion | ScannerProblem>;
  /**
   * Reads the source and reports each finding once. Never throws for what the tool does: that is the outcome.
   * What `onFinding` throws stops the tool and is thrown on.
   */
  scan(context: ScanContext): Promise<ScannerOutcome>;
}

export interface ScannerVersion {
  readonly version: string;
  /** The version of the rules or of the advisory set; empty when the tool has none. */
  readonly rulesVersion: string;
}

export interface ScannerProblem {
  /** One sentence that names the tool and says what to do. */
  readonly problem: string;
}

export interface ScanContext {
  /** The unpacked source: absolute, no symbolic links lead out of it. Read only. */
  readonly sourceDir: string;
  /** For the tool's own files; exists, empty, removed by the caller. */
  readonly workDir: string;
  /** Milliseconds after which the tool is killed. */
  readonly timeoutMs: number;
  /** What all tools of a run may take together; the largest is killed above it. */
  readonly memoryBudget?: MemoryBudget;
  /** Killed when it aborts. */
  readonly signal: AbortSignal;
  /** Called one at a time; the tool waits for it (backpressure). */
  readonly onFinding: (finding: FindingDraft) => Promise<void>;
  /** 0 to 1, at most a few times a second. */
  readonly onProgress: (fraction: number) => void;
}

export interface ScannerOutcome {
  readonly status: ToolStatus;
  /** The process's exit code; -1 when a signal ended it. */
  readonly exitCode: number;
  readonly findingsCount: number;
  readonly durationMs: number;
  /** One sentence that says what to do; empty when nothing went wrong. */
  readonly errorMessage: string;
  /** The end of what a tool that failed said of itself, at most 4 KiB, secrets redacted; empty when it did not fail. */
  readonly evidence: string;
}
