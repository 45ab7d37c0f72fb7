import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import type { ScanType } from '@cloudscan/domain';
import type { ScanContext, Scanner, ScannerOutcome, ScannerProblem, ScannerVersion } from '../scanner.ts';
import type { ExternalSettings } from './settings.ts';

/** Makes the adapter of a tool that a machine may have installed. */
export interface ExternalScannerFactory {
  /** As `SCANNERS` and users call it, for example `semgrep`. */
  readonly name: string;
  readonly scanType: ScanType;
  /** The program as it is called on PATH. */
  readonly command: string;
  /** Makes the adapter. It starts nothing before its `probe`, which tells whether the found program is one that it can drive. */
  readonly create: (executable: string, settings: ExternalSettings) => Scanner;
}

/** How one installed program is driven. */
export interface InstalledTool {
  readonly name: string;
  readonly scanType: ScanType;
  /** As {@link Scanner.probe}. */
  probe(): Promise<ScannerVersion | ScannerProblem>;
  /** As {@link Scanner.scan}; asked only of a program whose probe has told its version. */
  scan(context: ScanContext, version: string): Promise<ScannerOutcome>;
}

/** An installed program as a scanner: it is probed once, and not started where it cannot run. */
export function installedScanner(tool: InstalledTool): Scanner {
  let probed: Promise<ScannerVersion | ScannerProblem> | undefined;
  const probe = (): Promise<ScannerVersion | ScannerProblem> => (probed ??= tool.probe());
  return {
    name: tool.name,
    scanType: tool.scanType,
    probe,
    scan: async (context) => {
      const answer = await probe();
      return 'problem' in answer ? cannotRun(answer.problem) : tool.scan(context, answer.version);
    },
  };
}

/** Stands for a tool that was asked for and is not installed, so that its run is on record as failed. */
export function missingScanner({ name, scanType, command }: ExternalScannerFactory): Scanner {
  const problem = `${name} is not installed where the runner runs: no program ${command} on PATH; install it or take it out of SCANNERS`;
  return {
    name,
    scanType,
    probe: async () => ({ problem }),
    scan: async () => cannotRun(problem),
  };
}

function cannotRun(errorMessage: string): ScannerOutcome {
  return { status: 'failed', exitCode: -1, findingsCount: 0, durationMs: 0, errorMessage, evidence: '' };
}

/** The first executable file of a name on a search path; null when there is none. Relative entries are passed over: they lead into the source. */
export async function findExecutable(command: string, searchPath: string): Promise<string | null> {
  for (const folder of searchPath.split(delimiter).filter(isAbsolute)) {
    const candidate = join(folder, command);
    if (await isExecutable(candidate)) return candidate;
  }
  return null;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
