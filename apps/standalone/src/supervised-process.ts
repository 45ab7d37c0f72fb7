import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '@cloudscan/config';
import { endProcess, hasEnded, StartUpError } from '@cloudscan/process';
import type { Service } from '@cloudscan/process';
import { logTail, openLog } from './log-file.ts';
import { waitUntilReady } from './readiness.ts';

export interface SupervisedProcessOptions {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly environment: Environment;
  /** Takes what it prints. */
  readonly logFile: string;
  /** Serves `/ready`. */
  readonly opsPort: number;
  /** Gets one sentence about each end that nobody asked for. */
  readonly onTrouble: (message: string) => void;
}

/** Milliseconds until a first start counts as failed. */
const startLimitMs = 60_000;
/** Milliseconds from asking a process to end until it is killed. */
const stopLimitMs = 20_000;
const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** A process that ran for so many milliseconds was healthy: the next pause is the first again. */
const healthyMs = 3000;

/** A process of the stack: started anew, after a growing pause, whenever it ends by itself. */
export class SupervisedProcess implements Service {
  readonly #options: SupervisedProcessOptions;
  #child: ChildProcess | null = null;
  #stopped = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
  }

  /** Of the running process; null between two. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /**
   * Resolves once it serves.
   *
   * @throws StartUpError with the end of its log when it ends before that
   */
  async start(): Promise<void> {
    if (this.#child !== null) return;
    this.#stopped = new AbortController();
    const child = this.#spawn();
    await this.#untilReady(child);
    if (!this.#stopped.signal.aborted) this.#loop = this.#keepRunning(child, performance.now());
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    if (this.#child !== null) await endProcess(this.#child, stopLimitMs);
    await this.#loop;
    this.#child = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** It leads a process group of its own, so that Ctrl-C reaches the stack only; its standard input tells it of the stack's end. */
  #spawn(): ChildProcess {
    const [program, ...args] = this.#options.command;
    const log = openLog(this.#options.logFile);
    const child = spawn(program, args, { env: { ...this.#options.environment }, detached: true, stdio: ['pipe', log, log] });
    closeSync(log);
    child.stdin!.on('error', () => undefined);
    this.#child = child;
    return child;
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const { name, logFile, opsPort } = this.#options;
    const settled = new AbortController();
    const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(startLimitMs), this.#stopped.signal]);
    const ended = once(child, 'exit', { signal }).catch(() => undefined);
    const ready = await Promise.race([waitUntilReady(opsPort, signal), ended]);
    settled.abort();
    if (ready === true || this.#stopped.signal.aborted) return;
    const problem = hasEnded(child) ? 'ended at its start' : `was not ready within ${startLimitMs / 1000} s`;
    throw new StartUpError(`${name} ${problem}; the end of ${logFile}:\n${logTail(logFile, 10)}`);
  }

  async #keepRunning(first: ChildProcess, firstStartedAt: number): Promise<void> {
    const stopped = this.#stopped.signal;
    let child = first;
    let startedAt = firstStartedAt;
    for (let ends = 1; ; ends += 1) {
      if (!hasEnded(child)) await once(child, 'exit');
      if (stopped.aborted) return;
      if (performance.now() - startedAt > healthyMs) ends = 1;
      const pauseMs = Math.min(firstPauseMs * 2 ** (ends - 1), longestPauseMs);
      this.#options.onTrouble(this.#describeEnd(child, ends, pauseMs));
      await delay(pauseMs, undefined, { signal: stopped }).catch(() => undefined);
      if (stopped.aborted) return;
      child = this.#spawn();
      startedAt = performance.now();
    }
  }

  #describeEnd(child: ChildProcess, ends: number, pauseMs: number): string {
    const how = child.signalCode === null ? `exit code ${child.exitCode}` : child.signalCode;
    const often = ends === 1 ? '' : `, ${ends} times in a row`;
    return `${this.#options.name} ended (${how}${often}); starting it again in ${pauseMs / 1000} s; its log is ${this.#options.logFile}`;
  }
}
