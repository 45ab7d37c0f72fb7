import { Console } from 'node:console';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { builtinExitCodes } from './protocol.ts';
import type { BuiltinFinding, BuiltinMessage, BuiltinRequest } from './protocol.ts';

/** Milliseconds between two progress lines. */
const progressIntervalMs = 250;

export interface BuiltinTask<Options> {
  /** Absolute; read only. */
  readonly sourceDir: string;
  /** Absolute; empty, removed by the parent. */
  readonly workDir: string;
  /** As the parent gave them, through JSON. */
  readonly options: Options;
  /** 0 to 1; cheap, call it as often as you like. */
  readonly progress: (fraction: number) => void;
  /** What the user should know of a scan that succeeded all the same, for example how many files were left out. The last one counts. */
  readonly remark: (sentence: string) => void;
}

export interface BuiltinTool<Options> {
  /** The version of the rules or of the advisory set; empty when there is none. */
  readonly rulesVersion: (options: Options) => string | Promise<string>;
  /**
   * Yields each finding once; is pulled no faster than the parent takes them.
   *
   * @throws NothingToScan when the source holds nothing that the tool reads
   * @throws ToolFailure when it cannot do its work, with a sentence for the user
   */
  readonly scan: (task: BuiltinTask<Options>) => AsyncIterable<BuiltinFinding>;
}

/** Ends a scan as `skipped`. */
export class NothingToScan extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NothingToScan';
  }
}

/** Ends a scan as `failed`; the message is one sentence that says what to do. */
export class ToolFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ToolFailure';
  }
}

/**
 * The whole main module of a built-in scanner: `await runBuiltin({ rulesVersion, scan })`. Reads the request, writes
 * findings and progress, and ends with the outcome and an exit code of `builtinExitCodes`.
 */
export async function runBuiltin<Options>(tool: BuiltinTool<Options>): Promise<void> {
  // A library that prints to the console would break the protocol.
  globalThis.console = new Console(process.stderr);
  const request = JSON.parse(await text(process.stdin)) as BuiltinRequest;
  const options = request.options as Options;
  try {
    if (request.scan === null) {
      await send({ type: 'version', rulesVersion: await tool.rulesVersion(options) });
      return;
    }
    let findings = 0;
    let message = '';
    const remark = (sentence: string): void => void (message = sentence);
    const outcome = await outcomeOf(async () => {
      for await (const finding of tool.scan({ ...request.scan!, options, progress: throttledProgress(), remark })) {
        findings += 1;
        await send({ type: 'finding', finding });
      }
    });
    await send({ type: 'result', status: outcome.status, message: outcome.message || message, findings });
    process.exitCode = outcome.status === 'failed' ? builtinExitCodes.failed : builtinExitCodes.done;
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = builtinExitCodes.failed;
  }
}

async function outcomeOf(run: () => Promise<void>): Promise<{ status: 'succeeded' | 'skipped' | 'failed'; message: string }> {
  try {
    await run();
    return { status: 'succeeded', message: '' };
  } catch (error) {
    if (error instanceof NothingToScan) return { status: 'skipped', message: error.message };
    process.stderr.write(`${describe(error)}\n`);
    return { status: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

async function send(message: BuiltinMessage): Promise<void> {
  if (!process.stdout.write(`${JSON.stringify(message)}\n`)) await once(process.stdout, 'drain');
}

function throttledProgress(): (fraction: number) => void {
  let last = 0;
  return (fraction) => {
    const now = performance.now();
    if (now - last < progressIntervalMs) return;
    last = now;
    void send({ type: 'progress', fraction });
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
