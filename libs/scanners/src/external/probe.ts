import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '@cloudscan/process';
import { coerce, lt } from 'semver';
import type { ScannerProblem } from '../scanner.ts';
import { describeEnd } from '../tool-end.ts';
import type { ToolEnvironment } from './tool-environment.ts';

/** A cold start of a Python program on a busy machine takes some seconds. */
const timeoutMs = 30_000;
const memoryLimitMb = 1024;

export interface VersionProbe {
  readonly name: string;
  readonly executable: string;
  readonly environment: ToolEnvironment;
  /** Makes the program print its version. */
  readonly args: readonly string[];
  /** Its first group is the version. */
  readonly pattern: RegExp;
  /** The lowest version that the adapter can drive. */
  readonly lowest: string;
  /** What a build says that knows no version of its own; its version is `unknown` and taken for the newest. */
  readonly unstamped?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

export interface ProbedVersion {
  readonly version: string;
  /** All that the program has printed. */
  readonly output: string;
}

/** Asks an installed program for its version. Never throws. */
export async function probeVersion(probe: VersionProbe): Promise<ProbedVersion | ScannerProblem> {
  const { name, executable, environment, args, pattern, lowest } = probe;
  let home: string | undefined;
  try {
    home = await mkdtemp(join(tmpdir(), 'cloudscan-probe-'));
    const env = { PATH: environment.path, HOME: home, TMPDIR: home, LC_ALL: 'C.UTF-8', ...probe.variables };
    const memoryLimitBytes = memoryLimitMb * 1024 * 1024;
    const outcome = await runProcess(executable, args, { cwd: home, env, timeoutMs, memoryLimitBytes, endsWithParent: true });
    if (outcome.exitCode !== 0) {
      return { problem: describeEnd(outcome, { name, timeoutMs, memoryLimitMb, memorySetting: 'the memory of the machine' }).errorMessage };
    }
    const output = `${outcome.stdout}\n${outcome.stderr}`;
    if (probe.unstamped !== undefined && output.includes(probe.unstamped)) return { version: 'unknown', output };
    const version = pattern.exec(output)?.[1];
    if (version === undefined)
      return { problem: `${executable} does not tell its version as ${name} does; install ${name} ${lowest} or newer` };
    const comparable = coerce(version);
    if (comparable === null || lt(comparable, lowest)) {
      return { problem: `${name} ${version} is too old; install ${name} ${lowest} or newer` };
    }
    return { version, output };
  } catch (error) {
    return { problem: `${name} could not be started: ${(error as Error).message}` };
  } finally {
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  }
}
