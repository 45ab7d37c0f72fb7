import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { identifyProcess } from '@cloudscan/process';

/** What a running server writes into its data folder: PostgreSQL's miscadmin.h and pidfile.h. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Whether it takes connections. */
  readonly ready: boolean;
}

/** Null when no server writes there. The process it names may be gone, or be another one by now. */
export function readPostmaster(dataDir: string): Postmaster | null {
  const lines = readLines(postmasterFile(dataDir));
  const pid = Number(lines?.[0]);
  return lines === null || !(pid > 0) ? null : { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
}

/** The server that runs on this folder. What a crash left behind counts as none, and is removed where PostgreSQL would trip over it. */
export function findRunningPostmaster(dataDir: string): Postmaster | null {
  const postmaster = readPostmaster(dataDir);
  if (postmaster === null || identifyProcess(postmaster.pid) === null) return null;
  if (commandLine(postmaster.pid).includes(dataDir)) return postmaster;
  // The number went to an unrelated process, which PostgreSQL would take for a server.
  rmSync(postmasterFile(dataDir), { force: true });
  return null;
}

function postmasterFile(dataDir: string): string {
  return join(dataDir, 'postmaster.pid');
}

function readLines(path: string): readonly string[] | null {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Empty when the process is gone. */
function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
