import { readdirSync, readFileSync } from 'node:fs';

export interface RunningProcess {
  readonly pid: number;
  /** Its command line, the arguments separated by spaces. */
  readonly command: string;
}

interface ProcessRow extends RunningProcess {
  readonly parent: number;
}

/**
 * What runs on a data folder (proc(5), Linux only): every other process whose command line or environment names the folder,
 * and what those started. A supervisor names nothing, and is nobody's child once its starter has died; its runner tells.
 */
export function processesOf(folder: string): readonly RunningProcess[] {
  const table = readProcessTable();
  const own = new Set<number>();
  for (const { pid, parent, command } of table.values()) {
    if (pid === process.pid) continue;
    if (!command.includes(folder) && !readOrEmpty(`/proc/${pid}/environ`).includes(folder)) continue;
    own.add(pid);
    if (table.get(parent)?.command.includes('supervisor-main')) own.add(parent);
  }
  const isOwn = ({ pid, parent }: ProcessRow): boolean => {
    if (own.has(pid)) return true;
    const starter = pid === process.pid ? undefined : table.get(parent);
    return starter !== undefined && isOwn(starter);
  };
  return [...table.values()].filter(isOwn).map(({ pid, command }) => ({ pid, command }));
}

function readProcessTable(): ReadonlyMap<number, ProcessRow> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Map(pids.map((pid) => [Number(pid), readRow(pid)]));
}

function readRow(pid: string): ProcessRow {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  // After the name in parentheses: the state, then the parent.
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  return { pid: Number(pid), parent, command: readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ') };
}

/** A process that ended in between, or belongs to another user, says nothing. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
