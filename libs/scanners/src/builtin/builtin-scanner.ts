import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ScanType } from '@cloudscan/domain';
import { runProcess } from '@cloudscan/process';
import type { MemoryBudget, ProcessOutcome } from '@cloudscan/process';
import { Delivery } from '../delivery.ts';
import type { ScanContext, Scanner, ScannerOutcome, ScannerProblem, ScannerVersion } from '../scanner.ts';
import { describeEnd, evidenceOf } from '../tool-end.ts';
import type { ToolEnd, ToolLimits } from '../tool-end.ts';
import { readLines } from './ndjson.ts';
import { completeFinding, parseMessage, ProtocolError } from './protocol.ts';
import type { BuiltinRequest, ResultMessage, ToolIdentity } from './protocol.ts';

const maxLineBytes = 1024 * 1024;
const probeTimeoutMs = 10_000;
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
    if (outcome.exitCode !== 0 || rulesVersion === null) {
      return { problem: describeEnd(outcome, limitsOf(spec, probeTimeoutMs), exitMeanings).errorMessage };
    }
    return { version: packageVersion(), rulesVersion };
  } catch (error) {
    return { problem: `${spec.name} could not be started: ${(error as Error).message}` };
  }
}

async function scan(spec: BuiltinScannerSpec, context: ScanContext): Promise<ScannerOutcome> {
  const tool: ToolIdentity = { scanType: spec.scanType, toolName: spec.name, toolVersion: packageVersion() };
  const startedAt = performance.now();
  const { sourceDir, workDir, timeoutMs, signal, memoryBudget } = context;
  const delivery = new Delivery(context);
  const reader = new MessageReader(tool, delivery);
  const end = ({ status, errorMessage }: ToolEnd, exitCode: number, stderr = ''): ScannerOutcome => ({
    status,
    exitCode,
    findingsCount: delivery.findings,
    durationMs: Math.round(performance.now() - startedAt),
    errorMessage,
    evidence: evidenceOf(stderr),
  });
  let outcome: ProcessOutcome;
  try {
    const env = { ...spec.env, TMPDIR: workDir };
    outcome = await run(spec, { scan: { sourceDir, workDir }, env, timeoutMs, signal, memoryBudget }, (stdout) => reader.read(stdout));
  } catch (error) {
    if (delivery.consumerFailed) throw error;
    const problem = error instanceof ProtocolError ? `wrote ${error.message}` : `could not be started: ${(error as Error).message}`;
    return end({ status: 'failed', errorMessage: `${spec.name} ${problem}; this is a fault of the scanner, please report it` }, -1);
  }
  const { result } = reader;
  if (outcome.exitCode === 0 && result !== null && result.findings === delivery.findings) return end(endOf(result), 0);
  if (outcome.exitCode === 1 && result?.status === 'failed') return end(endOf(result), 1, outcome.stderr);
  return end(describeEnd(outcome, limitsOf(spec, timeoutMs), exitMeanings), outcome.exitCode ?? -1, outcome.stderr);
}

function endOf({ status, message }: ResultMessage): ToolEnd {
  return { status, errorMessage: message };
}

/** Takes the child's messages one at a time. */
class MessageReader {
  readonly #tool: ToolIdentity;
  readonly #delivery: Delivery;
  result: ResultMessage | null = null;

  constructor(tool: ToolIdentity, delivery: Delivery) {
    this.#tool = tool;
    this.#delivery = delivery;
  }

  async read(stdout: Readable): Promise<void> {
    for await (const line of readLines(stdout, maxLineBytes)) {
      const message = parseMessage(line);
      if (this.result !== null) throw new ProtocolError('a message after its result');
      switch (message.type) {
        case 'finding':
          await this.#delivery.finding(completeFinding(message.finding, this.#tool));
          break;
        case 'progress':
          await this.#delivery.progress(message.fraction);
          break;
        case 'result':
          this.result = message;
          break;
        case 'version':
          throw new ProtocolError('a version where findings were asked for');
      }
    }
  }
}

interface RunLimits extends Pick<BuiltinRequest, 'scan'> {
  readonly env: BuiltinScannerSpec['env'];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly memoryBudget?: MemoryBudget;
}

function run(spec: BuiltinScannerSpec, limits: RunLimits, onStdout: (stdout: Readable) => Promise<void>): Promise<ProcessOutcome> {
  const request: BuiltinRequest = {
    options: spec.options ?? {},
    scan: limits.scan,
  };
  return runProcess(process.execPath, nodeArguments(spec), {
    // Not that of the caller, which may have removed the folder it stands in.
    cwd: limits.scan?.workDir ?? import.meta.dirname,
    env: limits.env ?? {},
    timeoutMs: limits.timeoutMs,
    signal: limits.signal,
    memoryLimitBytes: limitsOf(spec, limits.timeoutMs).memoryLimitMb * 1024 * 1024,
    memoryBudget: limits.memoryBudget,
    endsWithParent: true,
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

const exitMeanings = { 0: 'ended without a complete result; this is a fault of the scanner, please report it' };

function limitsOf({ name, memoryLimitMb = defaultMemoryLimitMb }: BuiltinScannerSpec, timeoutMs: number): ToolLimits {
  return { name, timeoutMs, memoryLimitMb: memoryLimitMb + nativeMemoryMb, heapLimitMb: memoryLimitMb, memorySetting: 'its memory limit' };
}

let version: string | undefined;
function packageVersion(): string {
  const manifest = new URL('../../package.json', import.meta.url);
  version ??= (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  return version;
}
