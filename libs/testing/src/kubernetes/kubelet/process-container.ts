import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { lstat, open, readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { signalGroup } from '@cloudscan/process';
import { parseQuantity } from './container-environment.ts';
import { ContainerRefusal } from './container-runtime.ts';
import type { ContainerEnd, ContainerLog, RunningContainer } from './container-runtime.ts';
import type { PodTermination } from './pod-status.ts';
import { ProcessTree } from './process-tree.ts';

export interface ProcessContainerSpec {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDir: string;
  /** Gets both streams. */
  readonly logPath: string;
  /** Resident bytes above which all of it is killed; null for no limit. */
  readonly memoryBytes: number | null;
  readonly disks: readonly DiskLimit[];
}

/** An emptyDir with a size limit. */
export interface DiskLimit {
  readonly volume: string;
  readonly folder: string;
  /** As the pod says it, such as `64Mi`. */
  readonly sizeLimit: string;
}

/** Milliseconds between two looks at a container's processes. */
const lookMs = 100;
/** Milliseconds between two looks at its disks; a real kubelet takes ten seconds. */
const diskLookMs = 1000;

/** A container that is a process, the leader of a session of its own, with all that it starts. */
export class ProcessContainer implements RunningContainer {
  readonly ended: Promise<ContainerEnd>;
  readonly log: ContainerLog;
  readonly #child: ChildProcess;
  readonly #tree: ProcessTree;
  readonly #memoryBytes: number;
  readonly #disks: readonly DiskLimit[];
  readonly #over = new AbortController();
  #isOutOfMemory = false;
  #overfull: DiskLimit | null = null;
  #force: NodeJS.Timeout | undefined;

  private constructor(child: ChildProcess, { logPath, memoryBytes, disks }: ProcessContainerSpec) {
    this.#child = child;
    this.#tree = new ProcessTree(child.pid!);
    this.#memoryBytes = memoryBytes ?? Infinity;
    this.#disks = disks;
    this.log = { read: (offset) => readFrom(logPath, offset) };
    this.ended = this.#untilEnd(once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>);
  }

  /** @throws ContainerRefusal `StartError` when the program cannot be started */
  static async start(spec: ProcessContainerSpec): Promise<ProcessContainer> {
    const log = await open(spec.logPath, 'a', 0o600);
    try {
      const options = { cwd: spec.workingDir, env: { ...spec.environment }, detached: true, stdio: ['ignore', log.fd, log.fd] as const };
      const child = spawn(spec.program, spec.args, { ...options, stdio: [...options.stdio] });
      await once(child, 'spawn');
      return new ProcessContainer(child, spec);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const problem = code === 'ENOENT' ? 'executable file not found in $PATH' : `${code ?? String(error)}`;
      const message = `failed to create containerd task: failed to create shim task: exec: ${JSON.stringify(spec.program)}: ${problem}`;
      throw new ContainerRefusal('StartError', message);
    } finally {
      await log.close();
    }
  }

  kill(graceMs: number): void {
    if (this.#over.signal.aborted) return;
    signalGroup(this.#child.pid, 'SIGTERM');
    clearTimeout(this.#force);
    this.#force = setTimeout(() => signalGroup(this.#child.pid, 'SIGKILL'), graceMs);
  }

  async #untilEnd(exit: Promise<[number | null, NodeJS.Signals | null]>): Promise<ContainerEnd> {
    const watching = Promise.all([this.#watchMemory(), this.#watchDisks()]);
    const [code, signal] = await exit;
    clearTimeout(this.#force);
    this.#over.abort();
    await watching;
    // The first process of a container takes all others with it.
    await this.#tree.kill();
    if (signal === null) return { exitCode: code! };
    if (this.#isOutOfMemory) return { exitCode: 137, reason: 'OOMKilled' };
    if (this.#overfull !== null) return { exitCode: 137, termination: eviction(this.#overfull) };
    return { exitCode: 128 + constants.signals[signal] };
  }

  async #watchMemory(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      if (this.#tree.look() > this.#memoryBytes && !this.#isOutOfMemory) {
        this.#isOutOfMemory = true;
        signalGroup(this.#child.pid, 'SIGKILL');
      }
      await delay(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #watchDisks(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted && this.#disks.length > 0) {
      for (const disk of this.#disks) if ((await sizeOf(disk.folder)) > parseQuantity(disk.sizeLimit)) this.#overfull ??= disk;
      if (this.#overfull !== null && !signal.aborted) signalGroup(this.#child.pid, 'SIGKILL');
      await delay(diskLookMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Not for what the node lacks: such a pod is no victim, and no condition DisruptionTarget says that it is. */
function eviction({ volume, sizeLimit }: DiskLimit): PodTermination {
  const message = `Usage of EmptyDir volume "${volume}" exceeds the limit "${sizeLimit}". `;
  return { reason: 'Evicted', message, isDisruption: false };
}

/** Bytes of all files below a folder; what goes away meanwhile counts nothing. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sizeOf(path);
    return (await lstat(path).catch(() => null))?.size ?? 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, size - offset));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
