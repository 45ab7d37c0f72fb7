import type { Readable } from 'node:stream';
import type { FindingDraft } from '@cloudscan/domain';
import { runProcess } from '@cloudscan/process';
import type { ProcessOutcome } from '@cloudscan/process';
import { Delivery } from '../delivery.ts';
import type { ScanContext, ScannerOutcome } from '../scanner.ts';
import { cancelled, describeEnd, evidenceOf } from '../tool-end.ts';
import type { ToolEnd } from '../tool-end.ts';
import type { ToolEnvironment } from './tool-environment.ts';

/** Milliseconds in which a tool may end by itself whose output nobody can read. */
const patienceMs = 5000;

/** One run of an installed program. */
export interface ToolCall {
  /** As shown to users, for example `semgrep`. */
  readonly name: string;
  /** Absolute. */
  readonly executable: string;
  readonly args: readonly string[];
  readonly environment: ToolEnvironment;
  /** Whether proxies and certificates are passed on: only to a tool that is configured to speak to the network. */
  readonly network: boolean;
  /** Beside PATH, HOME, TMPDIR and a UTF-8 locale: settings that the program takes no other way. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Of the process group as a whole; mebibytes. */
  readonly memoryLimitMb: number;
  /** The variable that sets it, for the remedy. */
  readonly memorySetting: string;
  readonly exitCodes: ExitCodes;
}

export interface ExitCodes {
  /** The tool has done its work, with findings or without. */
  readonly done: readonly number[];
  /** What it means by others: the rest of a sentence that begins with its name and says what to do. Any code that is in neither is a failure. */
  readonly failures?: Readonly<Record<number, string>>;
}

/** How the tool's report becomes findings. What a reader throws is the tool's fault: it wrote what nobody can read. */
export interface ReportReader {
  /** Reads standard output as it comes; to its end, or as far as it likes. */
  readonly stdout?: (stdout: AsyncIterable<Uint8Array>, deliver: Deliver) => Promise<void>;
  /** Reads what the tool has left in its work folder, once it has done its work. */
  readonly files?: (deliver: Deliver) => Promise<void>;
  /** What the user should know of a run that has done its work all the same; empty for nothing. */
  readonly remark?: () => string;
  /** Why there was nothing to look at, where that was so; empty otherwise. */
  readonly skipped?: () => string;
  /** What the report itself says of a failure, for a tool that does not say it on standard error. */
  readonly lastWords?: () => string;
}

/** One at a time. */
export type Deliver = (finding: FindingDraft) => Promise<void>;

/**
 * Runs an installed tool over a source: as the leader of a process group that ends with this process, with limits of time and memory, in a
 * nearly empty environment and in the scan's work folder, which is its HOME too.
 *
 * The memory of the whole group is looked at from outside four times a second. An address-space limit (`prlimit --as`) would hold for each
 * process by itself, and tools reserve far more addresses than they take memory: below 2 GiB of them Semgrep 1.180 dies on four small files,
 * which take it 120 MiB, and below 1 GiB gitleaks does not start.
 *
 * @throws what `onFinding` throws
 */
export async function runTool(call: ToolCall, context: ScanContext, reader: ReportReader): Promise<ScannerOutcome> {
  const startedAt = performance.now();
  const delivery = new Delivery(context);
  const run = new ToolRunner(call, context, delivery);
  const end = ({ status, errorMessage }: ToolEnd, exitCode: number, stderr: string): ScannerOutcome => ({
    status,
    exitCode,
    findingsCount: delivery.findings,
    durationMs: Math.round(performance.now() - startedAt),
    errorMessage,
    evidence: status === 'succeeded' || status === 'skipped' ? '' : evidenceOf(stderr),
  });
  let outcome: ProcessOutcome;
  try {
    outcome = await run.process(reader);
  } catch (error) {
    if (delivery.consumerFailed) throw error;
    return end({ status: 'failed', errorMessage: `${call.name} could not be started: ${(error as Error).message}` }, -1, '');
  }
  if (run.isDone(outcome)) await run.read(() => reader.files?.(run.deliver));
  const stderr = [outcome.stderr, reader.lastWords?.() ?? ''].filter((words) => words !== '').join('\n');
  return end(run.endOf({ ...outcome, stderr }, reader), outcome.exitCode ?? -1, stderr);
}

class ToolRunner {
  readonly #call: ToolCall;
  readonly #context: ScanContext;
  readonly #delivery: Delivery;
  readonly #stop = new AbortController();
  #unreadable: Error | null = null;

  constructor(call: ToolCall, context: ScanContext, delivery: Delivery) {
    this.#call = call;
    this.#context = context;
    this.#delivery = delivery;
  }

  readonly deliver: Deliver = async (finding) => {
    this.#context.signal.throwIfAborted();
    await this.#delivery.finding(finding);
  };

  process(reader: ReportReader): Promise<ProcessOutcome> {
    const { executable, args, environment, network, variables, memoryLimitMb } = this.#call;
    const { workDir, timeoutMs, signal, memoryBudget } = this.#context;
    const { stdout: readStdout } = reader;
    return runProcess(executable, args, {
      cwd: workDir,
      env: {
        PATH: environment.path,
        HOME: workDir,
        TMPDIR: workDir,
        LC_ALL: 'C.UTF-8',
        // A Go program collects its garbage harder before it is stopped for it.
        GOMEMLIMIT: `${Math.floor(memoryLimitMb * 0.9)}MiB`,
        ...(network ? environment.network : {}),
        ...variables,
      },
      timeoutMs,
      signal: AbortSignal.any([signal, this.#stop.signal]),
      memoryLimitBytes: memoryLimitMb * 1024 * 1024,
      memoryBudget,
      endsWithParent: true,
      ...(readStdout === undefined ? {} : { onStdout: (stdout) => this.#follow(stdout, readStdout) }),
    });
  }

  /** A tool that has failed says why after its last line of output, so one whose output is unreadable gets time to end by itself. */
  async #follow(stdout: Readable, readStdout: NonNullable<ReportReader['stdout']>): Promise<void> {
    await this.read(() => readStdout(stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>, this.deliver));
    if (this.#unreadable !== null) AbortSignal.timeout(patienceMs).addEventListener('abort', () => this.#stop.abort());
    stdout.resume();
  }

  async read(readReport: () => Promise<void> | undefined): Promise<void> {
    try {
      await readReport();
    } catch (error) {
      if (this.#delivery.consumerFailed) throw error;
      this.#unreadable = error as Error;
    }
  }

  isDone({ exitCode, killedBecause }: ProcessOutcome): boolean {
    return killedBecause === null && exitCode !== null && this.#call.exitCodes.done.includes(exitCode) && this.#unreadable === null;
  }

  endOf(outcome: ProcessOutcome, { remark, skipped }: ReportReader): ToolEnd {
    const { name, exitCodes } = this.#call;
    const { signal, timeoutMs } = this.#context;
    if (this.isDone(outcome)) {
      const nothing = skipped?.() ?? '';
      return nothing === '' ? { status: 'succeeded', errorMessage: remark?.() ?? '' } : { status: 'skipped', errorMessage: nothing };
    }
    if (signal.aborted) return cancelled(name);
    const wasStopped = outcome.killedBecause === 'aborted';
    if (this.#unreadable !== null && (wasStopped || exitCodes.done.includes(outcome.exitCode ?? -1))) {
      return { status: 'failed', errorMessage: `${name} wrote a report that cannot be read: ${this.#unreadable.message}` };
    }
    return describeEnd(outcome, { ...this.#call, timeoutMs }, exitCodes.failures);
  }
}
