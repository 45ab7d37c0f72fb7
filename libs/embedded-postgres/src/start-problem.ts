import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';
import { isPortFree, StartUpError } from '@cloudscan/process';

/** PostgreSQL needs about 40 MB for a new data folder; with less than this left nothing useful works. */
const leastFreeBytes = 64 * 2 ** 20;

/**
 * Finds out why PostgreSQL did not start, by looking at what commonly keeps it from starting.
 *
 * @param logFile its end is shown when nothing else explains it
 */
export async function startProblem(folder: string, port: number, logFile: string, cause: unknown): Promise<StartUpError> {
  return (
    folderProblem(folder, cause) ??
    (await portProblem(port, cause)) ??
    new StartUpError(`PostgreSQL did not start:\n${evidence(logFile, cause)}`, cause)
  );
}

/** Null when the folder, which must exist, can be written and has room. */
export function folderProblem(folder: string, cause?: unknown): StartUpError | null {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    return new StartUpError(`the data folder ${folder} cannot be written; give this user write access or choose another folder`, error);
  }
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize < leastFreeBytes
    ? new StartUpError(`the disk of the data folder ${folder} is full; free some space or choose another folder`, cause)
    : null;
}

async function portProblem(port: number, cause: unknown): Promise<StartUpError | null> {
  if (port === 0 || (await isPortFree(port))) return null;
  return new StartUpError(`port ${port} for PostgreSQL is in use by another process; stop it or choose another port`, cause);
}

function evidence(logFile: string, cause: unknown): string {
  const stderr = (cause as { stderr?: unknown } | null)?.stderr;
  if (typeof stderr === 'string' && stderr !== '') return stderr.trim();
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
  } catch {
    return String(cause);
  }
}
