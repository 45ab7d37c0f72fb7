import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';
import { promisify } from 'node:util';
import type { ProcessIdentity } from '@cloudscan/process';

/** One process that runs; zombies are left out. */
export interface ProcessEntry extends ProcessIdentity {
  readonly parentPid: number;
  readonly groupId: number;
  /** Resident bytes. */
  readonly residentBytes: () => number;
  /** Null when it cannot be told. */
  readonly workingDirectory: () => string | null;
}

/** Which processes belong to one run. */
export interface RunProcesses {
  /** The leader of the run's process group; null when it was never known. */
  readonly runner: ProcessIdentity | null;
  /** Processes that were seen to belong to the run: they still do when their parent has died. */
  readonly known: readonly ProcessIdentity[];
  /** Every process that works inside belongs to the run as well; null leaves that out, which is cheaper. */
  readonly workDir: string | null;
}

/** Every process of this machine: from /proc on Linux, from ps elsewhere. */
export async function readProcessTable(): Promise<readonly ProcessEntry[]> {
  return process.platform === 'linux' ? readProc() : readPs();
}

/**
 * The run's processes: its group, what descends from it, what is known of it and what works in its folder. Scanners lead
 * process groups of their own, so the runner's group alone is not all of it.
 */
export function findRunProcesses(table: readonly ProcessEntry[], run: RunProcesses): readonly ProcessEntry[] {
  const known = new Set(run.known.map(keyOf));
  const groupId = run.runner !== null && !isReused(table, run.runner) ? run.runner.pid : null;
  const members = new Map<number, ProcessEntry>();
  const children = Map.groupBy(table, (entry) => entry.parentPid);
  const add = (entry: ProcessEntry): void => {
    if (entry.pid === process.pid || members.has(entry.pid)) return;
    members.set(entry.pid, entry);
    children.get(entry.pid)?.forEach(add);
  };
  for (const entry of table) {
    if (known.has(keyOf(entry)) || entry.groupId === groupId || worksIn(entry, run.workDir)) add(entry);
  }
  return [...members.values()];
}

/** Whether another process has the runner's number by now. */
function isReused(table: readonly ProcessEntry[], runner: ProcessIdentity): boolean {
  return table.some(({ pid, startedAt }) => pid === runner.pid && startedAt !== runner.startedAt);
}

function worksIn(entry: ProcessEntry, folder: string | null): boolean {
  if (folder === null) return false;
  const directory = entry.workingDirectory();
  // Linux marks a removed folder with " (deleted)" at the end, which the prefix survives.
  return directory !== null && (directory === folder || directory.startsWith(folder + sep) || directory.startsWith(`${folder} (`));
}

function keyOf({ pid, startedAt }: ProcessIdentity): string {
  return `${pid}@${startedAt}`;
}

/** Fields 3 (state), 4 (parent), 5 (group) and 22 (start) of /proc/<pid>/stat, proc(5). */
function readProc(): readonly ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readText(`/proc/${name}/stat`);
    if (stat === null) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') continue;
    entries.push({
      pid: Number(name),
      startedAt: fields[19]!,
      parentPid: Number(fields[1]),
      groupId: Number(fields[2]),
      residentBytes: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${name}/status`) ?? '')?.[1] ?? 0) * 1024,
      workingDirectory: () => readLink(`/proc/${name}/cwd`),
    });
  }
  return entries;
}

async function readPs(): Promise<readonly ProcessEntry[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=,pgid=,rss=,stat=,lstart='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  });
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    if (match === null || match[5]!.startsWith('Z')) return [];
    const residentBytes = Number(match[4]) * 1024;
    return {
      pid: Number(match[1]),
      startedAt: match[6]!,
      parentPid: Number(match[2]),
      groupId: Number(match[3]),
      residentBytes: () => residentBytes,
      workingDirectory: () => null,
    };
  });
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
