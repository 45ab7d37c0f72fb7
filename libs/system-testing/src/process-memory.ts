import { readFileSync } from 'node:fs';

export interface ProcessMemory {
  /** Resident now and at its highest, in MiB: VmRSS and VmHWM of proc(5). */
  readonly residentMiB: number;
  readonly peakMiB: number;
}

/** Linux only. */
export function memoryOf(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { residentMiB: read('VmRSS'), peakMiB: read('VmHWM') };
}
