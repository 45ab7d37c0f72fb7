import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { signalGroup } from '@cloudscan/process';
import { ContainerRefusal } from './container-runtime.ts';
import type { ContainerEnd, ContainerLog, RunningContainer } from './container-runtime.ts';
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
}

/** Milliseconds between two looks at a container's processes. */
const lookMs = 100;

/** A container that is a process, the leader of a session of its own, with all that it starts. */
export class ProcessContainer implements RunningContainer {
  readonly ended: Promise<ContainerEnd>;
  readonly log: ContainerLog;
  readonly #child: ChildProcess;
  readonly #tree: ProcessTree;
  readonly #memoryBytes: number;
  readonly #over = new AbortController();
  #isOutOfMemory = false;
  #force: NodeJS.Timeout | undefined;

  private constructor(child: ChildProcess, { logPath, memoryBytes }: ProcessContainerSpec) {
    this.#child = child;
    this.#tree = new ProcessTree(child.pid!);
    this.#memoryBytes = memoryBytes ?? Infinity;
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
    const watching = this.#watch();
    const [code, signal] = await exit;
    clearTimeout(this.#force);
    this.#over.abort();
    await watching;
    // The first process of a container takes all others with it.
    await this.#tree.kill();
    if (this.#isOutOfMemory) return { exitCode: 137, reason: 'OOMKilled' };
    return { exitCode: code ?? 128 + constants.signals[signal!] };
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      if (this.#tree.look() > this.#memoryBytes && !this.#isOutOfMemory) {
        this.#isOutOfMemory = true;
        signalGroup(this.#child.pid, 'SIGKILL');
      }
      await delay(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }
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
