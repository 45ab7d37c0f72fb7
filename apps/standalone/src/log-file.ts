import { copyFileSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';

/** A longer log goes to `<name>.1`, of which there is one. */
const maxBytes = 16 * 2 ** 20;

/** Opens a log for a process to write to; {@link rotateLog} can shorten it meanwhile. */
export function openLog(path: string): number {
  rotateLog(path);
  return openSync(path, 'a', 0o600);
}

/** Copies and empties the file, since the process that writes to it keeps it open. */
export function rotateLog(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= maxBytes) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}

/** The last lines, or nothing when there is no such file. */
export function logTail(path: string, lines: number): string {
  const text = statSync(path, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(path, 'utf8');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
