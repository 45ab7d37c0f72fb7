import { readdirSync, readFileSync } from 'node:fs';

export interface RunningProcess {
  readonly pid: number;
  /** Its command line, the arguments separated by spaces. */
  readonly command: string;
}

/** Every other process whose command line or environment names a folder: what runs on a data folder (proc(5), Linux only). */
export function processesOf(folder: string): readonly RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => ({ pid: Number(pid), command: readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ') }))
    .filter(({ pid, command }) => command.includes(folder) || readOrEmpty(`/proc/${pid}/environ`).includes(folder));
}

/** A process that ended in between, or belongs to another user, says nothing. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
