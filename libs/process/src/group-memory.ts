import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

interface Member {
  readonly pid: number;
  /** Bytes, those included that it shares with others. */
  readonly residentBytes: number;
}

/**
 * Whether the processes of a group take more memory than a limit. Resident memory counts what forks share once for each of them, so above
 * the limit the kernel is asked for the proportional size, which costs it a walk through every page.
 */
export async function isGroupAbove(group: number, limitBytes: number): Promise<boolean> {
  const members = process.platform === 'linux' ? await linuxMembers(group) : await psMembers(group);
  if (sum(members.map(({ residentBytes }) => residentBytes)) <= limitBytes) return false;
  return sum(await Promise.all(members.map(proportionalBytes))) > limitBytes;
}

/** proc_pid_status(5): the group as the innermost namespace knows it, and the resident memory. */
async function linuxMembers(group: number): Promise<Member[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const members = await Promise.all(
    pids.map(async (pid) => {
      const status = await readText(`/proc/${pid}/status`);
      const isMember = Number(/^NSpgid:.*?(\d+)$/m.exec(status)?.[1]) === group;
      return isMember ? { pid, residentBytes: kilobytes(/^VmRSS:\s+(\d+) kB$/m.exec(status)) } : null;
    }),
  );
  return members.filter((member) => member !== null);
}

/** Where there is no /proc. */
async function psMembers(group: number): Promise<Member[]> {
  const { stdout } = await promisify(execFile)('ps', ['-ax', '-o', 'pgid=', '-o', 'pid=', '-o', 'rss=']);
  const rows = stdout.split('\n').map((row) => row.trim().split(/\s+/).map(Number));
  return rows.filter(([pgid]) => pgid === group).map(([, pid, rss]) => ({ pid: pid!, residentBytes: rss! * 1024 }));
}

/** Resident memory where the kernel tells nothing better, for example of a process of another user. */
async function proportionalBytes({ pid, residentBytes }: Member): Promise<number> {
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
