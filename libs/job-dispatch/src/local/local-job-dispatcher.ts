import { access, constants, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { systemScope } from '@cloudscan/auth';
import type { DatabaseConfig } from '@cloudscan/database';
import { jobNameOf, unavailable } from '@cloudscan/domain';
import type {
  Clock,
  JobDispatcher,
  JobHandle,
  JobSpec,
  JobStatus,
  JobWatch,
  LocalJob,
  LocalJobEnd,
  LocalJobRepository,
} from '@cloudscan/orchestration';
import { isRunning } from '@cloudscan/process';
import type { Logger } from '@cloudscan/telemetry';
import { runnerEnvironment } from '../runner-environment.ts';
import type { RunnerSettings } from '../runner-environment.ts';
import { classifyExit } from './classify-exit.ts';
import type { RunCondition } from './classify-exit.ts';
import { killRun, signalProcess, waitUntilGone } from './kill-run.ts';
import { PolledWatch } from './polled-watch.ts';
import { createRunFolder, listRunFolders, readOutcome, removeRunFolder, runFolder } from './run-folder.ts';
import type { RunInstructions, RunLimits } from './run-instructions.ts';
import { readLogTail } from './run-log.ts';
import { SupervisorProcess } from './supervisor-process.ts';

const namespace = 'local';
const scope = systemScope('local-job-dispatcher');
const pageSize = 500;
/** Milliseconds that killed processes have to disappear. */
const killLimitMs = 5000;
/** Bytes of the log that an end written in a supervisor's stead holds. */
const logTailBytes = 4096;

export interface LocalJobDispatcherOptions {
  /** Holds one folder per run; made when it is not there. */
  readonly workRoot: string;
  /** The runner's program and arguments. */
  readonly command: readonly string[];
  readonly runner: RunnerSettings;
  /** What a runner gets beside what the scan needs: PATH, proxies, certificates. Never a credential. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: RunLimits;
  /** Milliseconds after which a run that no supervisor took counts as lost. */
  readonly launchGraceMs: number;
  /** Milliseconds between two looks of a watch. */
  readonly watchIntervalMs: number;
  /** Where supervisors record. */
  readonly database: DatabaseConfig;
  readonly log: Logger;
}

/**
 * Runs each Job as a process of this machine under a supervisor of its own. What runs is judged by the recorded process
 * numbers and start times against the live process table, so it may be asked from any process of the machine, and every
 * one of them may be killed at any moment.
 */
export class LocalJobDispatcher implements JobDispatcher {
  readonly kind = 'local';
  readonly #jobs: LocalJobRepository;
  readonly #clock: Clock;
  readonly #options: LocalJobDispatcherOptions;

  constructor(jobs: LocalJobRepository, clock: Clock, options: LocalJobDispatcherOptions) {
    this.#jobs = jobs;
    this.#clock = clock;
    this.#options = options;
  }

  /** Makes the work folder. Throws the file system's error when this user cannot write there. */
  async prepare(): Promise<void> {
    await mkdir(this.#options.workRoot, { recursive: true, mode: 0o700 });
    await access(this.#options.workRoot, constants.W_OK);
  }

  async ping(): Promise<void> {
    await this.#jobs.findMany(scope, []);
  }

  async create(spec: JobSpec): Promise<JobHandle> {
    const { scanId, organizationId, attempt } = spec;
    const jobName = jobNameOf(scanId, attempt);
    const workDir = await busyAsUnavailable(() => this.#workDirOf(jobName));
    const job = await this.#jobs.insertOrFind(scope, { jobName, scanId, organizationId, attempt, workDir, at: this.#clock.now() });
    if (job.phase === 'pending' && job.supervisor === null && !job.cancelRequested) await this.#launch(spec, job);
    return { jobName, namespace };
  }

  async find(jobNames: readonly string[]): Promise<ReadonlyMap<string, JobStatus>> {
    const jobs = await this.#jobs.findMany(scope, jobNames);
    const observed = await Promise.all(jobs.map((job) => this.#observe(job)));
    return new Map(observed.filter((job) => job !== null).map((job) => [job.jobName, statusOf(job)]));
  }

  async *list(): AsyncIterable<JobStatus> {
    for await (const job of this.#jobs.list(scope, pageSize)) {
      const observed = await this.#observe(job);
      if (observed !== null) yield statusOf(observed);
    }
  }

  /** Looks again every `watchIntervalMs`. Throws `unavailable` when the database is away at the start. */
  async watch(onChange: (jobName: string, seen: JobStatus | null) => void): Promise<JobWatch> {
    const { watchIntervalMs, log } = this.#options;
    const onError = (error: unknown): void => log.warn({ error }, 'the runs of this machine could not be read; the next look tries again');
    return PolledWatch.start(() => this.list(), { intervalMs: watchIntervalMs, onChange, onError });
  }

  async logs(jobName: string, maxBytes: number): Promise<string> {
    const job = await this.#jobs.find(scope, jobName);
    return job === null ? '' : readLogTail(runFolder(job.workDir).log, maxBytes);
  }

  async cancel(jobName: string): Promise<void> {
    const job = await this.#jobs.requestCancel(scope, jobName);
    if (job !== null && !hasEnded(job)) await this.#terminate(job);
  }

  async retire(jobName: string): Promise<void> {
    await this.delete(jobName);
  }

  async delete(jobName: string): Promise<void> {
    await this.cancel(jobName);
    const job = await this.#jobs.find(scope, jobName);
    if (job === null) return;
    // All that it may still do is to record an end that is recorded.
    if (job.supervisor !== null) signalProcess(job.supervisor, 'SIGKILL');
    // The record goes last: a folder without a record is an orphan, a record without a folder can be deleted again.
    await removeRunFolder(job.workDir);
    await this.#jobs.delete(scope, jobName);
  }

  async removeOrphans(): Promise<number> {
    // Folders first, records second: a run makes its record before its folder, so one without a record is over.
    const names = await listRunFolders(this.#options.workRoot);
    const existing = new Set((await this.#jobs.findMany(scope, names)).map(({ jobName }) => jobName));
    const orphans = names.filter((name) => !existing.has(name));
    for (const name of orphans) {
      const workDir = await this.#workDirOf(name);
      await killRun({ runner: null, known: [], workDir }, killLimitMs);
      await removeRunFolder(workDir);
    }
    return orphans.length;
  }

  /** Stops every run of this machine because the machine stops: they end as `preempted`, which is tried again. */
  async preemptAll(): Promise<void> {
    const running: LocalJob[] = [];
    for await (const job of this.#jobs.list(scope, pageSize)) if (!hasEnded(job)) running.push(job);
    await Promise.all(running.map((job) => this.#terminate(job)));
  }

  /** Two that do this at once start two supervisors, of which the claim lets one begin. */
  async #launch(spec: JobSpec, job: LocalJob): Promise<void> {
    const folder = runFolder(job.workDir);
    const supervisor = await busyAsUnavailable(async () => {
      await createRunFolder(folder);
      return await SupervisorProcess.start(folder.supervisorLog, this.#options.environment['NODE_COMPILE_CACHE']);
    });
    try {
      if (await this.#jobs.claim(scope, job.jobName, supervisor.identity)) supervisor.instruct(this.#instructions(spec, job));
    } finally {
      supervisor.dismiss();
    }
  }

  #instructions(spec: JobSpec, job: LocalJob): RunInstructions {
    const { command, runner, environment, limits, database } = this.#options;
    const folder = runFolder(job.workDir);
    const { host, port, user, password, name, sslMode } = database;
    return {
      jobName: job.jobName,
      workDir: job.workDir,
      command,
      environment: {
        ...environment,
        TMPDIR: folder.temporary,
        ...runnerEnvironment(spec, runner, { memoryBytes: limits.memoryBytes, workDir: folder.work, resultsDir: folder.results }),
      },
      limits,
      database: { host, port, user, password: password.reveal(), name, sslMode },
    };
  }

  /** The record, after a look at whether what it says still lives. Null when it was deleted meanwhile. */
  async #observe(job: LocalJob): Promise<LocalJob | null> {
    if (hasEnded(job)) return job;
    if (job.supervisor === null) {
      const age = this.#clock.now().getTime() - job.createdAt.getTime();
      return age < this.#options.launchGraceMs ? job : this.#settle(job, 'NeverStarted');
    }
    if (isRunning(job.supervisor)) {
      // It may not find the database, for example because that came back at another port.
      const end = await readOutcome(runFolder(job.workDir));
      return end === null ? job : this.#jobs.end(scope, job.jobName, end);
    }
    // It may have recorded the end, and ended, since the record was read.
    const current = await this.#jobs.find(scope, job.jobName);
    return current === null || hasEnded(current) ? current : this.#settle(current, 'SupervisorLost');
  }

  async #terminate(job: LocalJob): Promise<void> {
    if (job.supervisor !== null) {
      signalProcess(job.supervisor, 'SIGTERM');
      if (!(await waitUntilGone(job.supervisor, this.#options.limits.graceMs + killLimitMs))) signalProcess(job.supervisor, 'SIGKILL');
    }
    const current = await this.#jobs.find(scope, job.jobName);
    if (current !== null && !hasEnded(current)) await this.#settle(current, 'Terminated');
  }

  /** Ends a run in its dead supervisor's stead: nothing of it runs afterwards, and its end is recorded. */
  async #settle(job: LocalJob, condition: RunCondition): Promise<LocalJob | null> {
    const gone = await killRun({ runner: job.runner, known: [], workDir: job.workDir }, killLimitMs);
    if (!gone) throw unavailable(`the end of ${job.jobName}`);
    const folder = runFolder(job.workDir);
    // Where the runner said nothing, its supervisor may have.
    const logTail = readLogTail(folder.log, logTailBytes) || readLogTail(folder.supervisorLog, logTailBytes);
    const end = (await readOutcome(folder)) ?? this.#endedBy(condition, logTail);
    return this.#jobs.end(scope, job.jobName, end);
  }

  #endedBy(condition: RunCondition, logTail: string): LocalJobEnd {
    return { phase: 'failed', exitCode: null, signal: null, condition, logTail, at: this.#clock.now() };
  }

  /** With links resolved, since the process table shows folders so. */
  async #workDirOf(jobName: string): Promise<string> {
    await mkdir(this.#options.workRoot, { recursive: true, mode: 0o700 });
    return join(await realpath(this.#options.workRoot), jobName);
  }
}

function hasEnded({ phase }: LocalJob): boolean {
  return phase === 'succeeded' || phase === 'failed';
}

function statusOf(job: LocalJob): JobStatus {
  const failed = job.phase === 'failed';
  return {
    jobName: job.jobName,
    namespace,
    scanId: job.scanId,
    organizationId: job.organizationId,
    attempt: job.attempt,
    phase: job.phase,
    blockage: null,
    reason: failed ? (classifyExit(job) ?? 'internal') : null,
    evidence: hasEnded(job)
      ? {
          ...(job.exitCode === null ? {} : { exitCode: job.exitCode }),
          ...(job.signal === null ? {} : { signal: job.signal }),
          ...(job.condition === null ? {} : { condition: job.condition }),
          ...(job.logTail === null ? {} : { logTail: job.logTail }),
        }
      : null,
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    endedAt: job.endedAt,
  };
}

/** Of a machine that lacks memory, processes, files or disk at this moment; a later try can succeed. */
const busyCodes: readonly string[] = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EDQUOT'];

async function busyAsUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (busyCodes.includes((error as NodeJS.ErrnoException).code ?? '')) throw unavailable('this machine', error);
    throw error;
  }
}
