import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasToolFailed, presentableFinding } from '@cloudscan/domain';
import type { FindingDraft, ToolRun } from '@cloudscan/domain';
import type { MemoryBudget } from '@cloudscan/process';
import type { SarifLog, SarifRun } from '@cloudscan/sarif';
import type { Scanner, ScannerOutcome, ScannerProblem, ScannerVersion } from '@cloudscan/scanners';
import type { Logger } from '@cloudscan/telemetry';
import { RunFailure } from '../run-failure.ts';

export interface RunToolsOptions {
  readonly scanners: readonly Scanner[];
  readonly sourceDir: string;
  /** Holds a folder for each tool. */
  readonly toolsDir: string;
  readonly sarif: SarifLog;
  readonly onFinding: (finding: FindingDraft) => Promise<void>;
  /** Milliseconds for one tool. */
  readonly timeoutMs: number;
  /** Of all tools together. */
  readonly memoryBudget?: MemoryBudget;
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number, message: string) => void;
  readonly log: Logger;
}

/**
 * Runs all scanners side by side. A tool that fails is a record among the others, as long as one has done its work.
 *
 * What it had found before it failed stays: each finding is true by itself, and the record says that others may be missing. The policy of
 * the orchestrator (`SCAN_PARTIAL_RESULTS`) decides what that makes of the scan.
 *
 * @throws RunFailure `tool_error`, or `deadline_exceeded`, when none has; what `onFinding` throws
 */
export async function runTools(options: RunToolsOptions): Promise<ToolRun[]> {
  const { scanners, sarif, signal } = options;
  const board = new ProgressBoard(scanners, options.onProgress);
  const probes = await Promise.all(scanners.map((scanner) => scanner.probe()));
  const runs: SarifRun[] = [];
  for (const [index, { name, scanType }] of scanners.entries()) {
    runs.push(await sarif.startRun({ name, scanType, ...versionOf(probes[index]!) }));
  }
  const tools = await Promise.all(scanners.map((scanner, index) => runTool(scanner, probes[index]!, runs[index]!, board, options)));
  signal.throwIfAborted();
  throwIfNoneWorked(tools);
  return tools;
}

async function runTool(
  scanner: Scanner,
  probed: ScannerVersion | ScannerProblem,
  run: SarifRun,
  board: ProgressBoard,
  options: RunToolsOptions,
): Promise<ToolRun> {
  const { name, scanType } = scanner;
  const startedAt = new Date();
  const outcome = 'problem' in probed ? cannotRun(probed.problem) : await scan(scanner, run, board, options);
  await run.end({
    successful: !hasToolFailed(outcome),
    exitCode: outcome.exitCode,
    startedAt,
    endedAt: new Date(),
    errorMessage: outcome.errorMessage,
  });
  board.set(scanner, 1);
  const { status, findingsCount, durationMs, exitCode, errorMessage, evidence } = outcome;
  options.log.info({ tool: name, status, findingsCount, durationMs, exitCode, errorMessage }, 'a tool has ended');
  const { version, rulesVersion } = versionOf(probed);
  return {
    name,
    scanType,
    version: oneLine(version, 100),
    rulesVersion: oneLine(rulesVersion, 200),
    status,
    findingsCount,
    durationMs,
    exitCode,
    errorMessage,
    evidence,
  };
}

async function scan(scanner: Scanner, run: SarifRun, board: ProgressBoard, options: RunToolsOptions): Promise<ScannerOutcome> {
  await mkdir(options.toolsDir, { recursive: true, mode: 0o700 });
  const workDir = await mkdtemp(join(options.toolsDir, `${scanner.name}-`));
  try {
    return await scanner.scan({
      sourceDir: options.sourceDir,
      workDir,
      timeoutMs: options.timeoutMs,
      memoryBudget: options.memoryBudget,
      signal: options.signal,
      onFinding: async (draft) => {
        const finding = presentableFinding(draft);
        await Promise.all([run.add(finding), options.onFinding(finding)]);
      },
      onProgress: (fraction) => board.set(scanner, fraction),
    });
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Both empty for a tool that cannot run. */
function versionOf(probed: ScannerVersion | ScannerProblem): ScannerVersion {
  return 'problem' in probed ? { version: '', rulesVersion: '' } : probed;
}

function cannotRun(errorMessage: string): ScannerOutcome {
  return { status: 'failed', exitCode: -1, findingsCount: 0, durationMs: 0, errorMessage, evidence: '' };
}

function throwIfNoneWorked(tools: readonly ToolRun[]): void {
  if (!tools.every(hasToolFailed)) return;
  const allTimedOut = tools.every(({ status }) => status === 'timed_out');
  throw new RunFailure(allTimedOut ? 'deadline_exceeded' : 'tool_error', tools.map(({ errorMessage }) => errorMessage).join('; '));
}

function oneLine(text: string, max: number): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, max);
}

/** Gathers the tools' fractions into one, with a word on each. */
class ProgressBoard {
  readonly #fractions: Map<Scanner, number>;
  readonly #onProgress: RunToolsOptions['onProgress'];

  constructor(scanners: readonly Scanner[], onProgress: RunToolsOptions['onProgress']) {
    this.#fractions = new Map(scanners.map((scanner) => [scanner, 0]));
    this.#onProgress = onProgress;
    this.#tell();
  }

  set(scanner: Scanner, fraction: number): void {
    this.#fractions.set(scanner, fraction);
    this.#tell();
  }

  #tell(): void {
    let sum = 0;
    for (const fraction of this.#fractions.values()) sum += fraction;
    const words = Array.from(
      this.#fractions,
      ([{ name }, fraction]) => `${name} ${fraction === 1 ? 'done' : `${Math.floor(fraction * 100)} %`}`,
    );
    this.#onProgress(sum / this.#fractions.size, words.join(', '));
  }
}
