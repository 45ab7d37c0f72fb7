import type { ToolStatus } from '@cloudscan/domain';
import type { ProcessOutcome } from '@cloudscan/process';
import { redactSecrets } from '@cloudscan/telemetry';

const maxEvidence = 4096;

/** What a sentence about a tool's end has to know of it. */
export interface ToolLimits {
  readonly name: string;
  readonly timeoutMs: number;
  readonly memoryLimitMb: number;
  /** Of the runtime's own heap, where it has one. */
  readonly heapLimitMb?: number;
  /** Where the memory limit is set, for example `SEMGREP_MEMORY_MB`. */
  readonly memorySetting: string;
}

export interface ToolEnd {
  readonly status: ToolStatus;
  /** One sentence that says what to do. */
  readonly errorMessage: string;
}

/** What runtimes say of an allocation that failed: V8, Python, Go, OCaml, C++ and Java. */
const outOfMemoryWords =
  /heap out of memory|\bMemoryError\b|fatal error: (?:runtime: )?(?:out of memory|cannot allocate memory)|\bOut_of_memory\b|\bstd::bad_alloc\b|\bjava\.lang\.OutOfMemoryError\b/;

/** What is said of a child that SIGKILL ended: by Semgrep of its engine, by Go programs, and by shells. */
const killedChildWords = /\bexited with -9\b|\bsignal: killed\b|^Killed$/m;

/** Exit codes of shells, and of tools that report on their children, for a child that signals 9 and 6 ended. */
const signalExitCodes: Readonly<Record<number, NodeJS.Signals>> = { 137: 'SIGKILL', 134: 'SIGABRT' };

/**
 * How a tool ended that did not do its work: by whom it was stopped, of what it died, and what to do about it.
 *
 * @param meanings what the tool means by its exit codes: the rest of a sentence that begins with its name
 */
export function describeEnd(outcome: ProcessOutcome, limits: ToolLimits, meanings: Readonly<Record<number, string>> = {}): ToolEnd {
  const { name, memoryLimitMb, heapLimitMb = memoryLimitMb, memorySetting } = limits;
  const { killedBecause, exitCode, stderr } = outcome;
  switch (killedBecause) {
    case 'timeout':
      return {
        status: 'timed_out',
        errorMessage: `${name} was stopped after its time limit of ${Math.round(limits.timeoutMs / 1000)} s; raise the limit or scan less`,
      };
    case 'aborted':
      return cancelled(name);
    case 'memory':
      return outOfMemory(name, memoryLimitMb, memorySetting);
    case 'budget':
      return {
        status: 'out_of_memory',
        errorMessage: `${name} took the most when the tools together took more memory than the run may use; raise RUNNER_LIMITS_MEMORY, or run fewer tools at once`,
      };
    case 'reader_failed':
    case null:
  }
  if (outOfMemoryWords.test(stderr)) return outOfMemory(name, heapLimitMb, memorySetting);
  const signal = outcome.signal ?? signalExitCodes[exitCode ?? 0] ?? (killedChildWords.test(stderr) ? 'SIGKILL' : null);
  if (signal === 'SIGKILL') {
    return {
      status: 'killed',
      errorMessage: `${name} was killed (SIGKILL), most likely because the machine or container ran out of memory; give it more or scan less`,
    };
  }
  if (signal === 'SIGABRT') return { status: 'failed', errorMessage: `${name} crashed (SIGABRT): ${lastWords(stderr)}` };
  if (signal !== null) return { status: 'failed', errorMessage: `${name} was ended by ${signal}: ${lastWords(stderr)}` };
  const meaning = meanings[exitCode!];
  const words = lastWords(stderr);
  return {
    status: 'failed',
    errorMessage:
      meaning === undefined
        ? `${name} failed with exit code ${exitCode}: ${words}`
        : `${name} ${meaning} (exit code ${exitCode}: ${words})`,
  };
}

export function cancelled(name: string): ToolEnd {
  return { status: 'failed', errorMessage: `${name} was stopped because the scan was cancelled` };
}

function outOfMemory(name: string, limitMb: number, setting: string): ToolEnd {
  return {
    status: 'out_of_memory',
    errorMessage: `${name} ran out of its ${limitMb} MiB of memory; raise ${setting} or leave large files out`,
  };
}

/** The end of what a tool said of itself, at most 4 KiB. Redacted before it is cut, since half a credential is not known as one. */
export function evidenceOf(stderr: string): string {
  const evidence = Buffer.from(redactSecrets(stderr).trim());
  // What is left of a character that the cut went through does not decode.
  return evidence
    .subarray(-maxEvidence)
    .toString('utf8')
    .replace(/^\uFFFD+/, '');
}

/** The line of a stack trace that names the error, or else the last one. */
function lastWords(stderr: string): string {
  const lines = redactSecrets(stderr)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const words = lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return words.length > 300 ? `${words.slice(0, 300)}…` : words;
}
