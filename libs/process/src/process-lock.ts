import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { identifyProcess, isRunning } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** A lock file of this process, held until it is released or the process ends. */
export interface ProcessLock {
  /** Idempotent. */
  release(): void;
}

/**
 * Takes the lock, or says who holds it. A lock whose holder is gone is taken over, by one of any number that try at once.
 *
 * @param path of a file in an existing folder
 */
export function acquireProcessLock(path: string): ProcessLock | { readonly heldBy: ProcessIdentity } {
  const own = identifyProcess(process.pid)!;
  while (!create(path, own)) {
    const holder = processLockHolder(path);
    if (holder !== null) return { heldBy: holder };
    removeDead(path, own);
  }
  let released = false;
  return {
    release: () => {
      if (!released) rmSync(path, { force: true });
      released = true;
    },
  };
}

/** Who holds the lock now; null when nobody does. */
export function processLockHolder(path: string): ProcessIdentity | null {
  const holder = read(path);
  return holder !== null && isRunning(holder) ? holder : null;
}

/** A guard keeps two that saw the same dead holder apart: the slower would remove the lock that the faster has just taken. */
function removeDead(path: string, own: ProcessIdentity): void {
  const guard = `${path}.guard`;
  if (create(guard, own)) {
    if (processLockHolder(path) === null) rmSync(path, { force: true });
    rmSync(guard, { force: true });
  } else if (processLockHolder(guard) === null) {
    rmSync(guard, { force: true });
  }
}

/** Creates the file with its content in one step; false when it is there. */
function create(path: string, own: ProcessIdentity): boolean {
  const draft = `${path}.${own.pid}`;
  writeFileSync(draft, JSON.stringify(own));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Null when there is no such file, or none that a process of ours wrote. */
function read(path: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}
