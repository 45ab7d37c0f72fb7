import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** The process that leads its session: every process of a container that was not detached. */
  readonly session: number;
  /** In clock ticks after boot; with the number it names one process only. */
  readonly startedAt: string;
  readonly residentBytes: number;
}

const pageBytes = 4096;
const lookMs = 20;

/**
 * A container's processes, by their leader: what descends from it, also what led itself out of its session while it was
 * looked at. It stands in for a cgroup, so it must be looked at again and again (proc(5), Linux only).
 */
export class ProcessTree {
  readonly #leader: number;
  #members: readonly ProcessRow[] = [];

  constructor(leader: number) {
    this.#leader = leader;
    this.look();
  }

  /** Their resident bytes together. */
  look(): number {
    const table = readTable();
    const known = new Set(this.#members.map(keyOf));
    const children = Map.groupBy(table, ({ parent }) => parent);
    const found = new Map<number, ProcessRow>();
    const add = (row: ProcessRow): void => {
      if (found.has(row.pid)) return;
      found.set(row.pid, row);
      children.get(row.pid)?.forEach(add);
    };
    for (const row of table) if (row.session === this.#leader || known.has(keyOf(row))) add(row);
    this.#members = [...found.values()];
    return this.#members.reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  }

  /** Kills until a look finds none: what was forked between a look and a kill goes next time. */
  async kill(): Promise<void> {
    for (this.look(); this.#members.length > 0; this.look()) {
      for (const { pid } of this.#members) signal(pid, 'SIGKILL');
      await delay(lookMs);
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function keyOf({ pid, startedAt }: ProcessRow): string {
  return `${pid}@${startedAt}`;
}

/** Zombies are left out. */
function readTable(): readonly ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(name);
    // Behind the name in parentheses: state, parent, group, session; the start is field 22 of all, the resident pages are field 24.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 22 || fields[0] === 'Z' || fields[0] === 'X') continue;
    const [parent, session, pages] = [fields[1], fields[3], fields[21]].map(Number) as [number, number, number];
    rows.push({ pid: Number(name), parent, session, startedAt: fields[19]!, residentBytes: pages * pageBytes });
  }
  return rows;
}

/** Empty when it has ended in between. */
function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}
