import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

interface Member {
  readonly pid: number;
  readonly group: number;
  /** Bytes, those included that it shares with others. */
  readonly residentBytes: number;
}

/** Whether the processes of a group take more memory than a limit. */
export async function isGroupAbove(group: number, limitBytes: number): Promise<boolean> {
  return sum(await groupsMemory([group], limitBytes)) > limitBytes;
}

/**
 * Bytes that the processes of each group take. Resident memory counts what forks share once for each of them, so where all together take
 * more than the limit by that count, the kernel is asked for the proportional size, which costs it a walk through every page.
 */
export async function groupsMemory(groups: readonly number[], limitBytes: number): Promise<readonly number[]> {
  const members = process.platform === 'linux' ? await linuxMembers(new Set(groups)) : await psMembers(new Set(groups));
  const bytesOf = async (measure: (member: Member) => number | Promise<number>): Promise<readonly number[]> => {
    const measured = await Promise.all(members.map(async (member) => ({ group: member.group, bytes: await measure(member) })));
    return groups.map((group) => sum(measured.filter((each) => each.group === group).map(({ bytes }) => bytes)));
  };
  const resident = await bytesOf(({ residentBytes }) => residentBytes);
  return sum(resident) <= limitBytes ? resident : bytesOf(proportionalBytes);
}

/** Of processes that fork: what they take together, what they share counted once. @param residentBytes of each, by its pid */
export async function isAbove(residentBytes: ReadonlyMap<number, number>, limitBytes: number): Promise<boolean> {
  if (sum([...residentBytes.values()]) <= limitBytes) return false;
  return sum(await Promise.all(Array.from(residentBytes, ([pid, bytes]) => proportionalBytes({ pid, residentBytes: bytes })))) > limitBytes;
}

/** proc_pid_status(5): the group as the innermost namespace knows it, and the resident memory. */
async function linuxMembers(groups: ReadonlySet<number>): Promise<Member[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const members = await Promise.all(
    pids.map(async (pid) => {
      const status = await readText(`/proc/${pid}/status`);
      const group = Number(/^NSpgid:.*?(\d+)$/m.exec(status)?.[1]);
      return groups.has(group) ? { pid, group, residentBytes: kilobytes(/^VmRSS:\s+(\d+) kB$/m.exec(status)) } : null;
    }),
  );
  return members.filter((member) => member !== null);
}

/** Where there is no /proc. */
async function psMembers(groups: ReadonlySet<number>): Promise<Member[]> {
  const { stdout } = await promisify(execFile)('ps', ['-ax', '-o', 'pgid=', '-o', 'pid=', '-o', 'rss=']);
  const rows = stdout.split('\n').map((row) => row.trim().split(/\s+/).map(Number));
  return rows
    .filter(([group]) => groups.has(group!))
    .map(([group, pid, rss]) => ({ pid: pid!, group: group!, residentBytes: rss! * 1024 }));
}

/** Resident memory where the kernel tells nothing better, for example of a process of another user. */
async function proportionalBytes({ pid, residentBytes }: Pick<Member, 'pid' | 'residentBytes'>): Promise<number> {
  const rollup = /^Pss:\s+(\d+) kB$/m.exec(await readText(`/proc/${pid}/smaps_rollup`));
  return rollup === null ? residentBytes : kilobytes(rollup);
}

function kilobytes(match: RegExpExecArray | null): number {
  return match === null ? 0 : Number(match[1]) * 1024;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
