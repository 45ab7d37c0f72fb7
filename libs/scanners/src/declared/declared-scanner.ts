import { createWriteStream, existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DeclaredScanner } from '@cloudscan/config';
import { findExecutable } from '../external/external-scanner.ts';
import { probeVersion } from '../external/probe.ts';
import { runTool } from '../external/run-tool.ts';
import type { ReportReader, ToolCall } from '../external/run-tool.ts';
import type { ToolEnvironment } from '../external/tool-environment.ts';
import type { ScanContext, Scanner, ScannerOutcome, ScannerProblem, ScannerVersion } from '../scanner.ts';
import { evidenceOf } from '../tool-end.ts';
import { SarifReport } from './sarif-report.ts';

/** Bytes of a log on standard output, which a runaway tool would fill the disk with. */
const maxLogBytes = 4 * 1024 ** 3;
/** As any program may print it, and of any height. */
const version = { pattern: /(\d+(?:\.\d+)+[\w.+-]*)/, lowest: '0.0.0' };

/** A tool that `DECLARED_SCANNERS` describes, installed where the runner runs. Its findings are what its SARIF says. */
export function declaredScanner(declared: DeclaredScanner, environment: ToolEnvironment): Scanner {
  return new InstalledScanner(declared, environment);
}

class InstalledScanner implements Scanner {
  readonly name: string;
  readonly scanType: DeclaredScanner['type'];
  readonly #declared: DeclaredScanner;
  readonly #environment: ToolEnvironment;
  #probed: Promise<ScannerVersion | ScannerProblem> | undefined;

  constructor(declared: DeclaredScanner, environment: ToolEnvironment) {
    this.name = declared.name;
    this.scanType = declared.type;
    this.#declared = declared;
    this.#environment = environment;
  }

  /** Without `versionArgs` the version is empty: the log tells it later, with each finding. */
  probe(): Promise<ScannerVersion | ScannerProblem> {
    return (this.#probed ??= this.#probe());
  }

  async scan(context: ScanContext): Promise<ScannerOutcome> {
    const probed = await this.probe();
    const executable = await this.#executable();
    if ('problem' in probed || executable === null) {
      const errorMessage = 'problem' in probed ? probed.problem : this.#missing();
      return { status: 'failed', exitCode: -1, findingsCount: 0, durationMs: 0, errorMessage, evidence: '' };
    }
    const { args, timeoutSeconds } = this.#declared;
    const results = join(context.workDir, 'results.sarif');
    const report = new SarifReport(this.#declared, probed.version, context.sourceDir);
    const reader = args.some((arg) => arg.includes('{results}')) ? fromFile(report, results) : fromOutput(report, results);
    const timeoutMs = Math.min(context.timeoutMs, timeoutSeconds === null ? Infinity : timeoutSeconds * 1000);
    const outcome = await runTool(this.#call(executable, context.sourceDir, results), { ...context, timeoutMs }, reader);
    return outcome.status === 'succeeded' && report.failure !== null ? failedByItsLog(outcome, this.name, report.failure) : outcome;
  }

  async #probe(): Promise<ScannerVersion | ScannerProblem> {
    const { command, versionArgs } = this.#declared;
    const executable = await this.#executable();
    if (executable === null) return { problem: this.#missing() };
    if (versionArgs === null) return { version: '', rulesVersion: '' };
    const args = [...command.slice(1), ...versionArgs];
    const probed = await probeVersion({ name: this.name, executable, environment: this.#environment, args, ...version });
    return 'problem' in probed ? probed : { version: probed.version, rulesVersion: '' };
  }

  #call(executable: string, source: string, results: string): ToolCall {
    const { command, args, exitCodes, memoryMb } = this.#declared;
    return {
      name: this.name,
      executable,
      args: [...command.slice(1), ...args].map((arg) => arg.replaceAll('{source}', () => source).replaceAll('{results}', () => results)),
      environment: this.#environment,
      // Whoever declares a tool decides what it does.
      network: true,
      memoryLimitMb: memoryMb,
      memorySetting: `memoryMb of ${this.name} in DECLARED_SCANNERS`,
      exitCodes: { done: [0, ...exitCodes.findings] },
    };
  }

  #executable(): Promise<string | null> {
    const [program = ''] = this.#declared.command;
    return isAbsolute(program) ? findExecutable(basename(program), dirname(program)) : findExecutable(program, this.#environment.path);
  }

  #missing(): string {
    const [program = ''] = this.#declared.command;
    const where = isAbsolute(program) ? `no program ${program}` : `no program ${program} on PATH`;
    return `${this.name} is not installed where the runner runs: ${where}; install it, declare its image, or take it out of DECLARED_SCANNERS`;
  }
}

function fromFile(report: SarifReport, results: string): ReportReader {
  return {
    files: async (deliver) => {
      if (!existsSync(results)) throw new Error('there is no file at {results}');
      await report.read(results, deliver);
    },
  };
}

/** A log is read more than once, so standard output waits on disk. */
function fromOutput(report: SarifReport, results: string): ReportReader {
  return {
    stdout: (stdout) => pipeline(bounded(stdout), createWriteStream(results, { mode: 0o600 })),
    files: (deliver) => report.read(results, deliver),
  };
}

async function* bounded(stdout: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of stdout) {
    bytes += chunk.length;
    if (bytes > maxLogBytes) throw new Error(`it is larger than ${maxLogBytes / 1024 ** 3} GiB`);
    yield chunk;
  }
}

/** A tool may end with 0 all the same: its findings are kept, and nobody takes them for all. */
function failedByItsLog(outcome: ScannerOutcome, name: string, notifications: string): ScannerOutcome {
  const errorMessage = `${name} says in its log that it was not successful; see what it says of the reason`;
  return { ...outcome, status: 'failed', errorMessage, evidence: evidenceOf(notifications) };
}
