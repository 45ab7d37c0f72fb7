import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import type { DeclaredScanner } from '@cloudscan/config';
import { readSarifResults, readSarifRuns, toolLimits } from '@cloudscan/sarif';
import type { SarifResult, SarifSource } from '@cloudscan/sarif';
import { findExecutable } from '../external/external-scanner.ts';
import { probeVersion } from '../external/probe.ts';
import { runTool } from '../external/run-tool.ts';
import type { Deliver, ReportReader, ToolCall } from '../external/run-tool.ts';
import type { ToolEnvironment } from '../external/tool-environment.ts';
import type { ScanContext, Scanner, ScannerOutcome, ScannerProblem, ScannerVersion } from '../scanner.ts';

const version = { pattern: /(\d+(?:\.\d+)+\S*)/, lowest: '0.0.0' };

/** A tool that a configuration declares and that is installed beside the runner. Its results are what its SARIF log says. */
export function declaredScanner(declared: DeclaredScanner, environment: ToolEnvironment): Scanner {
  return new InstalledScanner(declared, environment);
}

class InstalledScanner implements Scanner {
  readonly name: string;
  readonly scanType: DeclaredScanner['type'];
  readonly #declared: DeclaredScanner;
  readonly #environment: ToolEnvironment;

  constructor(declared: DeclaredScanner, environment: ToolEnvironment) {
    this.name = declared.name;
    this.scanType = declared.type;
    this.#declared = declared;
    this.#environment = environment;
  }

  /** Without `versionArgs` the version is empty: the log tells it later, with each finding. */
  async probe(): Promise<ScannerVersion | ScannerProblem> {
    const { command, versionArgs } = this.#declared;
    const executable = await this.#executable();
    if (executable === null) {
      const problem = `${this.name} is not installed where the runner runs: no program ${command[0]}; install it or take it out of DECLARED_SCANNERS`;
      return { problem };
    }
    if (versionArgs === null) return { version: '', rulesVersion: '' };
    const args = [...command.slice(1), ...versionArgs];
    const probed = await probeVersion({ name: this.name, executable, environment: this.#environment, args, ...version });
    return 'problem' in probed ? probed : { version: probed.version, rulesVersion: '' };
  }

  async scan(context: ScanContext): Promise<ScannerOutcome> {
    const { command, args, exitCodes, memoryMb, timeoutSeconds } = this.#declared;
    const results = join(context.workDir, 'results.sarif');
    const call: ToolCall = {
      name: this.name,
      executable: (await this.#executable()) ?? command[0]!,
      args: [...command.slice(1), ...args].map((arg) => arg.replaceAll('{source}', context.sourceDir).replaceAll('{results}', results)),
      environment: this.#environment,
      network: false,
      memoryLimitMb: memoryMb,
      memorySetting: `memoryMb of ${this.name} in DECLARED_SCANNERS`,
      exitCodes: { done: [0, ...exitCodes.findings] },
    };
    const timeoutMs = Math.min(context.timeoutMs, timeoutSeconds === null ? context.timeoutMs : timeoutSeconds * 1000);
    const log = new LogReader(results, this.scanType, context.sourceDir);
    const writesFile = args.some((arg) => arg.includes('{results}'));
    return runTool(call, { ...context, timeoutMs }, writesFile ? log.ofFile() : log.ofStandardOutput());
  }

  /** Null when there is none. */
  async #executable(): Promise<string | null> {
    const program = this.#declared.command[0]!;
    return program.startsWith('/') ? program : findExecutable(program, this.#environment.path);
  }
}

/** Delivers what a log says is wrong. */
class LogReader {
  readonly #source: SarifSource;
  readonly #path: string;
  readonly #scanType: DeclaredScanner['type'];
  readonly #sourceUri: string;
  #remark = '';

  constructor(path: string, scanType: DeclaredScanner['type'], sourceDir: string) {
    this.#path = path;
    this.#source = { open: () => createReadStream(path, { highWaterMark: 256 * 1024 }) };
    this.#scanType = scanType;
    this.#sourceUri = pathToFileURL(sourceDir).href;
  }

  ofFile(): ReportReader {
    return { files: (deliver) => this.#read(deliver), remark: () => this.#remark };
  }

  /** A log is read twice, so standard output waits on disk. */
  ofStandardOutput(): ReportReader {
    return { ...this.ofFile(), stdout: (stdout) => pipeline(stdout, createWriteStream(this.#path, { mode: 0o600 })) };
  }

  async #read(deliver: Deliver): Promise<void> {
    const runs = await readSarifRuns(this.#source, toolLimits);
    const unsuccessful = runs.find(({ invocation }) => invocation?.successful === false);
    if (unsuccessful !== undefined) this.#remark = remarkOf(unsuccessful.invocation!.notifications);
    for await (const result of readSarifResults(this.#source, runs, { scanType: this.#scanType, sourceUri: this.#sourceUri })) {
      if (isFinding(result)) await deliver(result.draft);
    }
  }
}

function remarkOf(notifications: string): string {
  const said = notifications.split('\n', 1)[0]!;
  return `its log says that it was not wholly successful${said === '' ? '' : `: ${said}`}`;
}

/** Somebody has suppressed it, it is gone, or nothing is wrong: no finding. */
function isFinding({ suppressed, baseline, kind }: SarifResult): boolean {
  return !suppressed && baseline !== 'absent' && kind !== 'pass' && kind !== 'notApplicable';
}
