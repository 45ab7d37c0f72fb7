import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolRun } from '@cloudscan/domain';
import { MemoryBudget } from '@cloudscan/process';
import { SarifLog } from '@cloudscan/sarif';
import type { Scanner } from '@cloudscan/scanners';
import type { Logger } from '@cloudscan/telemetry';
import type { Dispatcher } from 'undici';
import type { RunnerConfig } from './config.ts';
import { exitCodes } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Orchestrator } from './orchestrator/orchestrator.ts';
import { ProgressReporter } from './orchestrator/progress-reporter.ts';
import { AttemptRefused, RunFailure, RunStopped, toRunFailure } from './run-failure.ts';
import { FindingBatches } from './scan/finding-batches.ts';
import { runTools } from './scan/run-tools.ts';
import { fetchSource } from './source/fetch-source.ts';
import type { FetchedSource } from './source/fetch-source.ts';
import { uploadResults } from './upload-results.ts';

export interface RunnerParts {
  readonly config: RunnerConfig;
  readonly orchestrator: Orchestrator;
  /** Carries downloads and uploads. */
  readonly dispatcher: Dispatcher;
  /** Chosen when the source is there. */
  readonly selectScanners: () => Promise<readonly Scanner[]>;
  /** Of this software. */
  readonly version: string;
  readonly log: Logger;
  /** Milliseconds that the report of a failure may take; 30,000 by default. */
  readonly reportMs?: number;
}

/** Share of the scan's time that the tools leave for the upload and the end. */
const reserveShare = 0.1;
const maxReserveMs = 60_000;
/** Of this process and what it calls beside the tools. */
const ownMemoryBytes = 512 * 2 ** 20;

/** Takes one attempt of a scan from its first call to its last. */
export class Runner {
  readonly #parts: RunnerParts;
  readonly #end = new AbortController();
  readonly #startedAt = performance.now();

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** @param stop aborts when the process is told to stop */
  async run(stop: AbortSignal): Promise<ExitCode> {
    const { config, log } = this.#parts;
    const timer = setTimeout(() => {
      const seconds = config.timeouts.scanMs / 1000;
      this.#endWith(new RunFailure('deadline_exceeded', `the scan took longer than its ${seconds} s; raise SCAN_TIMEOUT or scan less`));
    }, config.timeouts.scanMs);
    const onStop = (): void => this.#endWith(new RunStopped());
    stop.addEventListener('abort', onStop, { once: true });
    if (stop.aborted) onStop();
    try {
      await this.#clean();
      await this.#work();
      log.info({ durationMs: this.#elapsedMs() }, 'the scan is complete');
      return exitCodes.done;
    } catch (error) {
      return await this.#conclude(this.#end.signal.aborted ? this.#end.signal.reason : error);
    } finally {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
      await this.#clean().catch((error: unknown) => log.error({ error }, 'the work folder could not be removed'));
    }
  }

  async #work(): Promise<void> {
    const { config, orchestrator, version } = this.#parts;
    const { signal } = this.#end;
    const progress = new ProgressReporter({
      send: (current, stopped) => orchestrator.reportProgress(current, AbortSignal.any([signal, stopped])),
      onError: (error) => this.#endWith(error),
    });
    await mkdir(config.workDir, { recursive: true, mode: 0o700 });
    await mkdir(config.resultsDir, { recursive: true, mode: 0o700 });
    progress.set(config.source.artifactId === '' ? 'clone' : 'download', 0);
    await progress.runOnce(signal);
    await progress.start();
    try {
      const source = await fetchSource({ ...this.#parts, progress, signal });
      const { tools, results } = await this.#scan(source, progress);
      progress.set('upload', 0, 'uploading the results');
      const artifactId = await uploadResults(this.#logPath, results, { ...this.#parts, signal });
      progress.set('complete', 0);
      await progress.stop();
      const provenance = { sourceSha256: source.sha256, gitCommit: source.revision?.commit ?? '', runnerVersion: version };
      await orchestrator.complete(artifactId, tools, provenance, signal);
    } finally {
      await progress.stop();
    }
  }

  async #scan(
    { folder, revision }: FetchedSource,
    progress: ProgressReporter,
  ): Promise<{ tools: ToolRun[]; results: { sizeBytes: number; sha256: string } }> {
    const { config, orchestrator, selectScanners, log } = this.#parts;
    const { signal } = this.#end;
    const sarif = new SarifLog(this.#logPath, { scanId: config.scanId, ...(revision === null ? {} : { git: revision }) });
    const batches = await FindingBatches.create({
      path: join(config.resultsDir, 'findings'),
      send: async (batchNumber, findings) => {
        await orchestrator.createFindings(batchNumber, findings, signal).catch((error: unknown) => {
          this.#endWith(error);
          throw error;
        });
      },
    });
    try {
      const tools = await runTools({
        scanners: await selectScanners(),
        sourceDir: folder,
        toolsDir: join(config.workDir, 'tools'),
        sarif,
        onFinding: (finding) => batches.add(finding),
        timeoutMs: this.#toolMs(),
        memoryBudget: memoryBudgetOf(config),
        signal,
        onProgress: (fraction, message) => progress.set('scan', fraction, message),
        log,
      });
      const [results] = await Promise.all([sarif.finish(), batches.finish()]);
      log.info({ findings: batches.count }, 'the findings are stored');
      return { tools, results };
    } finally {
      await batches.close();
      await sarif.discard();
    }
  }

  /** The first cause counts; what else fails is its consequence. */
  #endWith(error: unknown): void {
    if (!this.#end.signal.aborted) this.#end.abort(error);
  }

  /** Says why the run ended, if anybody still wants to know. */
  async #conclude(cause: unknown): Promise<ExitCode> {
    const { orchestrator, log, reportMs = 30_000 } = this.#parts;
    if (cause instanceof AttemptRefused) {
      log.info({ because: cause.message }, 'the orchestrator wants nothing more of this attempt');
      return exitCodes.refused;
    }
    if (cause instanceof RunStopped) {
      log.warn({}, 'stopped before the scan was complete');
      return exitCodes.stopped;
    }
    const failure = toRunFailure(cause);
    log.error({ reason: failure.reason, error: failure }, 'the scan failed');
    try {
      await orchestrator.reportFailure(failure.reason, failure.message, AbortSignal.timeout(reportMs));
      return exitCodes.failed;
    } catch (error) {
      log.error({ error }, 'the failure could not be reported');
      return error instanceof AttemptRefused ? exitCodes.refused : exitCodes.unreachable;
    }
  }

  get #logPath(): string {
    return join(this.#parts.config.resultsDir, 'results.sarif');
  }

  #elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  #toolMs(): number {
    const { scanMs, toolMs } = this.#parts.config.timeouts;
    const reserve = Math.min(scanMs * reserveShare, maxReserveMs);
    return Math.max(1000, Math.min(toolMs, scanMs - this.#elapsedMs() - reserve));
  }

  /** Removes what a run makes. The folders go too where they are empty then and no mount points. */
  async #clean(): Promise<void> {
    const { workDir, resultsDir, sourceDir } = this.#parts.config;
    const made = ['source.archive', 'home', 'tools'].map((name) => join(workDir, name));
    const results = ['results.sarif', 'findings'].map((name) => join(resultsDir, name));
    for (const path of [sourceDir, ...made, ...results]) await rm(path, { recursive: true, force: true });
    for (const folder of [resultsDir, workDir]) await rmdir(folder).catch(() => undefined);
  }
}

/** What is left of the run's memory beside the runner; none where nobody has said how much the run may use. */
function memoryBudgetOf({ memoryBytes }: RunnerConfig): MemoryBudget | undefined {
  return memoryBytes === null ? undefined : new MemoryBudget(Math.max(memoryBytes - ownMemoryBytes, memoryBytes / 2));
}
