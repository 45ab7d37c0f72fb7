import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { memoryLimitWords } from './protocol.ts';
import type { WatchdogLimits } from './protocol.ts';

/** Milliseconds between two looks. */
const intervalMs = 500;

/**
 * The thread that watches a built-in scanner's process, so that a parser that does not return is watched too. A parent that was killed cannot
 * kill its children, and V8's heap limit knows nothing of memory that native code takes. The process leads a process group: what it started
 * ends with it.
 */
const { parentPid, maxResidentMb } = workerData as WatchdogLimits;

setInterval(() => {
  const isAbove = process.memoryUsage.rss() > maxResidentMb * 1024 * 1024;
  if (isAbove) writeSync(2, `${memoryLimitWords}\n`);
  if (isAbove || process.ppid !== parentPid) process.kill(-process.pid, 'SIGKILL');
}, intervalMs);
