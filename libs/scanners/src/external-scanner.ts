import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import type { ScanType } from '@cloudscan/domain';
import type { Scanner } from './scanner.ts';

/** Makes the adapter of a tool that a machine may have installed; preferred to the built-in scanner of its type. */
export interface ExternalScannerFactory {
  readonly scanType: ScanType;
  /** The program as it is called on PATH, for example `semgrep`. */
  readonly command: string;
  /** Makes the adapter. It starts nothing before its `probe`, which tells whether the found program is one that it can drive. */
  readonly create: (executable: string) => Scanner;
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
