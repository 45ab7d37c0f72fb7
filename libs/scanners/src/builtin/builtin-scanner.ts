import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ScanType } from '@cloudscan/domain';
import { runProcess } from '@cloudscan/process';
import type { ProcessOutcome } from '@cloudscan/process';
import { redactSecrets } from '@cloudscan/telemetry';
import type { ScanContext, Scanner, ScannerOutcome, ScannerProblem, ScannerVersion } from '../scanner.ts';
import { readLines } from './ndjson.ts';
import { completeFinding, memoryLimitWords, parseMessage, ProtocolError } from './protocol.ts';
import type { BuiltinRequest, ResultMessage, ToolIdentity } from './protocol.ts';

const maxLineBytes = 1024 * 1024;
const probeTimeoutMs = 10_000;
const maxEvidence = 4096;
const defaultMemoryLimitMb = 768;
/** Mebibytes beside the heap: the program itself, buffers, and the trees of native parsers. */
const nativeMemoryMb = 512;

export interface BuiltinScannerSpec {
  /** For example `cloudscan-sast`. */
  readonly name: string;
  readonly scanType: ScanType;
  /** The main module below `src/` without its extension, for example `sast/main`; it calls `runBuiltin`. */
  readonly module: string;
  /** Handed to the tool as JSON on standard input; a key may stand in it. */
  readonly options?: unknown;
  /** The child's whole environment, beside TMPDIR: proxies and certificates of a tool that speaks to the network. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Mebibytes of JavaScript heap, 768 by default; the process as a whole may take 512 more. */
  readonly memoryLimitMb?: number;
}

/**
 * A built-in scanner as a process of its own: the leader of a process group, with limits of time and memory and a nearly empty
 * environment. A crash, a full heap or an endless loop of it is the outcome of one tool, never the end of the runner.
 */
export function builtinScanner(spec: BuiltinScannerSpec): Scanner {
  return {
    name: spec.name,
    scanType: spec.scanType,
    probe: () => probe(spec),
    scan: (context) => scan(spec, context),
  };
}

async function probe(spec: BuiltinScannerSpec): Promise<ScannerVersion | ScannerProblem> {
  let rulesVersion: string | null = null;
  try {
    const outcome = await run(spec, { scan: null, env: spec.env, timeoutMs: probeTimeoutMs }, async (stdout) => {
      for await (const line of readLines(stdout, maxLineBytes)) {
        const message = parseMessage(line);
        if (message.type === 'version') rulesVersion = message.rulesVersion;
      }
    });
    if (outcome.exitCode !== 0 || rulesVersion === null) return { problem: describeEnd(spec, outcome, probeTimeoutMs) };
    return { version: packageVersion(), rulesVersion };
  } catch (error) {
    return { problem: `${spec.name} could not be started: ${(error as Error).message}` };
  }
}

async function scan(spec: BuiltinScannerSpec, context: ScanContext): Promise<ScannerOutcome> {
  const tool: ToolIdentity = { scanType: spec.scanType, toolName: spec.name, toolVersion: packageVersion() };
  const startedAt = performance.now();
  const { sourceDir, workDir, timeoutMs, signal } = context;
  const reader = new MessageReader(tool, context);
  const end = (status: ScannerOutcome['status'], exitCode: number, errorMessage: string, stderr = ''): ScannerOutcome => ({
    status,
    exitCode,
    findingsCount: reader.findings,
    durationMs: Math.round(performance.now() - startedAt),
    errorMessage,
    evidence: evidenceOf(stderr),
  });
  let outcome: ProcessOutcome;
  try {
    const env = { ...spec.env, TMPDIR: workDir };
    outcome = await run(spec, { scan: { sourceDir, workDir }, env, timeoutMs, signal }, (stdout) => reader.read(stdout));
  } catch (error) {
    if (reader.consumerFailed) throw error;
    const problem = error instanceof ProtocolError ? `wrote ${error.message}` : `could not be started: ${(error as Error).message}`;
    return end('failed', -1, `${spec.name} ${problem}; this is a fault of the scanner, please report it`);
  }
  const exitCode = outcome.exitCode ?? -1;
  const { result } = reader;
  if (outcome.exitCode === 0 && result !== null && result.findings === reader.findings) return end(result.status, 0, result.message);
  if (outcome.exitCode === 1 && result?.status === 'failed') return end('failed', 1, result.message, outcome.stderr);
  return end(statusOf(outcome), exitCode, describeEnd(spec, outcome, timeoutMs), outcome.stderr);
}

/** Takes the child's messages one at a time, and keeps apart whose fault an error is. */
class MessageReader {
  readonly #tool: ToolIdentity;
  readonly #context: ScanContext;
  findings = 0;
  result: ResultMessage | null = null;
  consumerFailed = false;

  constructor(tool: ToolIdentity, context: ScanContext) {
    this.#tool = tool;
    this.#context = context;
  }

  async read(stdout: Readable): Promise<void> {
    for await (const line of readLines(stdout, maxLineBytes)) {
      const message = parseMessage(line);
      if (this.result !== null) throw new ProtocolError('a message after its result');
      switch (message.type) {
        case 'finding': {
          const finding = completeFinding(message.finding, this.#tool);
          await this.#consume(() => this.#context.onFinding(finding));
          this.findings += 1;
          break;
        }
        case 'progress':
          await this.#consume(() => this.#context.onProgress(message.fraction));
          break;
        case 'result':
          this.result = message;
          break;
        case 'version':
          throw new ProtocolError('a version where findings were asked for');
      }
    }
  }

  async #consume(deliver: () => void | Promise<void>): Promise<void> {
    try {
      await deliver();
    } catch (error) {
      this.consumerFailed = true;
      throw error;
    }
  }
}

interface RunLimits extends Pick<BuiltinRequest, 'scan'> {
  readonly env: BuiltinScannerSpec['env'];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

function run(spec: BuiltinScannerSpec, limits: RunLimits, onStdout: (stdout: Readable) => Promise<void>): Promise<ProcessOutcome> {
  const request: BuiltinRequest = {
    watchdog: { parentPid: process.pid, maxResidentMb: (spec.memoryLimitMb ?? defaultMemoryLimitMb) + nativeMemoryMb },
    options: spec.options ?? {},
    scan: limits.scan,
  };
  return runProcess(process.execPath, nodeArguments(spec), {
    // Not that of the caller, which may have removed the folder it stands in.
    cwd: limits.scan?.workDir ?? import.meta.dirname,
    env: limits.env ?? {},
    timeoutMs: limits.timeoutMs,
    signal: limits.signal,
    stdin: JSON.stringify(request),
    onStdout,
  });
}

/** From sources the child is a `.ts` file and needs the condition that leads workspace imports to sources; from dist neither. */
function nodeArguments({ module, memoryLimitMb = defaultMemoryLimitMb }: BuiltinScannerSpec): string[] {
  const extension = extname(fileURLToPath(import.meta.url));
  const entry = fileURLToPath(new URL(`../${module}${extension}`, import.meta.url));
  const fromSources = extension === '.ts' ? ['--conditions=@cloudscan/source', '--disable-warning=ExperimentalWarning'] : [];
  return [...fromSources, `--max-old-space-size=${memoryLimitMb}`, entry];
}

function describeEnd(spec: BuiltinScannerSpec, outcome: ProcessOutcome, timeoutMs: number): string {
  const { name, memoryLimitMb = defaultMemoryLimitMb } = spec;
  const seconds = Math.round(timeoutMs / 1000);
  if (outcome.killedBecause === 'timeout') return `${name} was stopped after its time limit of ${seconds} s; raise the limit or scan less`;
  if (outcome.killedBecause === 'aborted') return `${name} was stopped because the scan was cancelled`;
  switch (outcome.signal) {
    case 'SIGABRT':
      return isOutOfMemory(outcome) ? outOfMemory(name, memoryLimitMb) : `${name} crashed (SIGABRT): ${lastWords(outcome.stderr)}`;
    case 'SIGKILL':
      return isOutOfMemory(outcome)
        ? outOfMemory(name, memoryLimitMb + nativeMemoryMb)
        : `${name} was killed (SIGKILL), most likely because the machine or container ran out of memory; give it more or scan less`;
    case null:
      return outcome.exitCode === 0
        ? `${name} ended without a complete result; this is a fault of the scanner, please report it`
        : `${name} failed with exit code ${outcome.exitCode}: ${lastWords(outcome.stderr)}`;
    default:
      return `${name} was ended by ${outcome.signal}: ${lastWords(outcome.stderr)}`;
  }
}

/** V8 aborts on a full heap and on an internal fault alike; only its last words tell them apart. */
function isOutOfMemory({ signal, stderr }: ProcessOutcome): boolean {
  return (signal === 'SIGABRT' && stderr.includes('heap out of memory')) || (signal === 'SIGKILL' && stderr.includes(memoryLimitWords));
}

function statusOf(outcome: ProcessOutcome): ScannerOutcome['status'] {
  if (outcome.killedBecause === 'timeout') return 'timed_out';
  if (isOutOfMemory(outcome)) return 'out_of_memory';
  return outcome.killedBecause === null && outcome.signal === 'SIGKILL' ? 'killed' : 'failed';
}

/** Redacted before it is cut, since half a credential is not known as one. */
function evidenceOf(stderr: string): string {
  return redactSecrets(stderr).slice(-maxEvidence).trim();
}

function outOfMemory(name: string, limitMb: number): string {
  return `${name} ran out of its ${limitMb} MiB of memory; raise its memory limit or leave large files out`;
}

/** The line of a stack trace that names the error, or else the last one. */
function lastWords(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const words = lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return words.length > 300 ? `${words.slice(0, 300)}…` : words;
}

let version: string | undefined;
function packageVersion(): string {
  const manifest = new URL('../../package.json', import.meta.url);
  version ??= (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  return version;
}
