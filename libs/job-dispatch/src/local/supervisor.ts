import { setTimeout as delay } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { systemScope } from '@cloudscan/auth';
import { DomainError } from '@cloudscan/domain';
import type { LocalJobEnd, LocalJobRepository } from '@cloudscan/orchestration';
import { identifyProcess, isAbove, signalGroup } from '@cloudscan/process';
import type { ProcessIdentity } from '@cloudscan/process';
import type { RunCondition } from './classify-exit.ts';
import { GatedRunner } from './gated-runner.ts';
import type { RunnerExit } from './gated-runner.ts';
import { killRun } from './kill-run.ts';
import { findRunProcesses, readProcessTable } from './process-table.ts';
import { runFolder, writeOutcome } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import type { RunInstructions } from './run-instructions.ts';
import { boundLog, readLogTail } from './run-log.ts';

/** Bytes of the log that are kept with a run's record. */
const logTailBytes = 4096;
/** Milliseconds that killed processes have to disappear. */
const killLimitMs = 5000;
/** Milliseconds for which the start is tried to be recorded. */
const startLimitMs = 60_000;

const scope = systemScope('supervisor');

/** Opens the repository for one piece of work and closes its connection again: none is held while the runner runs. */
export type UseLocalJobs = <T>(work: (jobs: LocalJobRepository) => Promise<T>) => Promise<T>;

/**
 * Runs one runner to its end, holds it to its limits, leaves nothing of it running and records how it ended. The run must
 * have been claimed for this process; it is not started when the claim is lost.
 *
 * @param terminate aborts to stop the run
 */
export async function supervise(instructions: RunInstructions, useJobs: UseLocalJobs, terminate: AbortSignal): Promise<void> {
  const folder = runFolder(instructions.workDir);
  const end = await runToEnd(instructions, folder, useJobs, terminate);
  if (end === null) return;
  // Before the database, so that an end is not lost however this process itself ends. A full disk keeps nobody from recording it.
  await writeOutcome(folder, end).catch(() => undefined);
  await persist(instructions.limits.recordMs, () => useJobs((jobs) => jobs.end(scope, instructions.jobName, end)));
}

/** Null when the run is not this supervisor's any more. */
async function runToEnd(
  instructions: RunInstructions,
  folder: RunFolder,
  useJobs: UseLocalJobs,
  terminate: AbortSignal,
): Promise<LocalJobEnd | null> {
  let runner: GatedRunner;
  try {
    runner = await GatedRunner.start(instructions.command, { cwd: folder.work, env: instructions.environment, log: folder.log });
  } catch {
    return failedStart(folder);
  }
  try {
    const own = identifyProcess(process.pid)!;
    const started = await persist(startLimitMs, () =>
      useJobs((jobs) => jobs.start(scope, instructions.jobName, own, runner.identity, new Date())),
    );
    if (!started) {
      runner.abandon();
      return null;
    }
  } catch {
    runner.abandon();
    return failedStart(folder);
  }
  return new Watch(instructions, folder, runner).untilEnd(terminate);
}

function failedStart(folder: RunFolder): LocalJobEnd {
  return {
    phase: 'failed',
    exitCode: null,
    signal: null,
    condition: 'StartFailed',
    logTail: readLogTail(folder.log, logTailBytes),
    at: new Date(),
  };
}

/** Holds one runner to its limits. */
class Watch {
  readonly #instructions: RunInstructions;
  readonly #folder: RunFolder;
  readonly #runner: GatedRunner;
  readonly #kernelKillsBefore = kernelMemoryKills();
  readonly #ended = new AbortController();
  #condition: RunCondition | null = null;
  #known: readonly ProcessIdentity[] = [];

  constructor(instructions: RunInstructions, folder: RunFolder, runner: GatedRunner) {
    this.#instructions = instructions;
    this.#folder = folder;
    this.#runner = runner;
  }

  async untilEnd(terminate: AbortSignal): Promise<LocalJobEnd> {
    const { limits } = this.#instructions;
    const deadline = setTimeout(() => this.#stop('DeadlineExceeded'), limits.deadlineMs);
    const onTerminate = (): void => this.#stop('Terminated');
    terminate.addEventListener('abort', onTerminate, { once: true });
    if (terminate.aborted) onTerminate();
    this.#runner.letGo();
    const watching = this.#watch();
    const exit = await this.#runner.exit;
    clearTimeout(deadline);
    terminate.removeEventListener('abort', onTerminate);
    this.#ended.abort();
    await watching;
    await this.#kill();
    return this.#describe(exit);
  }

  /** Asks the runner to end, which stops its scanners as well; kills all of it after the grace. */
  #stop(condition: RunCondition): void {
    if (this.#condition !== null) return;
    this.#condition = condition;
    signalGroup(this.#runner.identity.pid, 'SIGTERM');
    void delay(this.#instructions.limits.graceMs, undefined, { signal: this.#ended.signal }).then(
      () => this.#kill(),
      () => undefined,
    );
  }

  async #watch(): Promise<void> {
    const { memoryBytes, pollMs, logBytes } = this.#instructions.limits;
    while (!this.#ended.signal.aborted) {
      const members = findRunProcesses(await readProcessTable(), { runner: this.#runner.identity, known: this.#known, workDir: null });
      this.#known = members.map(({ pid, startedAt }) => ({ pid, startedAt }));
      if (await isAbove(new Map(members.map((member) => [member.pid, member.residentBytes()])), memoryBytes)) {
        this.#condition ??= 'OOMKilled';
        await this.#kill();
      }
      boundLog(this.#folder.log, logBytes);
      await delay(pollMs, undefined, { signal: this.#ended.signal }).catch(() => undefined);
    }
  }

  async #kill(): Promise<void> {
    await killRun({ runner: this.#runner.identity, known: this.#known, workDir: this.#folder.root }, killLimitMs);
  }

  #describe({ exitCode, signal }: RunnerExit): LocalJobEnd {
    if (signal === 'SIGKILL' && kernelMemoryKills() > this.#kernelKillsBefore) this.#condition ??= 'OOMKilled';
    return {
      phase: exitCode === 0 && this.#condition === null ? 'succeeded' : 'failed',
      exitCode,
      signal,
      condition: this.#condition,
      logTail: readLogTail(this.#folder.log, logTailBytes),
      at: new Date(),
    };
  }
}

/** How many processes the kernel has killed for want of memory: `oom_kill` of /proc/vmstat; 0 where that is not told. */
function kernelMemoryKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Tries again, with growing pauses, while the database is away. Throws its last error. */
async function persist<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + limitMs;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 5000)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DomainError) || error.retry !== 'safe' || performance.now() > giveUpAt) throw error;
    }
    await delay(pauseMs);
  }
}
