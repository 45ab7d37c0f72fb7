import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Asks a child to end by SIGTERM, kills it after `limitMs` milliseconds, and resolves once it is gone. */
export async function endProcess(child: ChildProcess, limitMs: number): Promise<void> {
  if (hasEnded(child)) return;
  const exited = once(child, 'exit');
  const force = setTimeout(() => child.kill('SIGKILL'), limitMs);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(force);
}
