import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { endProcess, hasEnded } from '@cloudscan/process';
import { eventually } from '@cloudscan/testing';

export interface AppProcessOptions {
  readonly name: string;
  /** A program and its arguments. */
  readonly command: readonly string[];
  /** All of it: nothing of the test's own environment gets in. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what it prints, over all its lives. */
  readonly logFile: string;
  /** Serves `/ready`. */
  readonly opsPort: number;
}

/** Milliseconds until it must serve; other test files use the machine as well. */
const startLimitMs = 60_000;
/** Milliseconds from SIGTERM to SIGKILL; a pod has 30 s. */
const stopLimitMs = 30_000;

/** A process of the system that a test starts, stops, freezes and kills as it likes. It ends with the test's process. */
export class AppProcess implements AsyncDisposable {
  readonly #options: AppProcessOptions;
  #child: ChildProcess | null = null;

  constructor(options: AppProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get opsPort(): number {
    return this.#options.opsPort;
  }

  get isAlive(): boolean {
    return this.#child !== null && !hasEnded(this.#child);
  }

  /** @throws when it does not run */
  get pid(): number {
    if (!this.isAlive) throw new Error(`${this.name} does not run`);
    return this.#child!.pid!;
  }

  /** The last lines of its log. */
  logTail(lines = 20): string {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n');
  }

  log(): string {
    return readFileSync(this.#options.logFile, 'utf8');
  }

  /** Resolves once it says that it serves. */
  async start(): Promise<void> {
    this.launch();
    await this.ready();
  }

  /** Starts it and waits for nothing. */
  launch(): void {
    if (this.isAlive) return;
    const { command, environment, logFile } = this.#options;
    const log = openSync(logFile, 'a');
    // Its standard input is how it learns that the test has died (CLOUDSCAN_EXIT_WITH_PARENT).
    this.#child = spawn(command[0]!, command.slice(1), { env: environment, stdio: ['pipe', log, log] });
    this.#child.stdin!.on('error', () => undefined);
    closeSync(log);
  }

  async ready(): Promise<void> {
    const child = this.#child;
    const looks = async (): Promise<boolean> => {
      if (child === null || hasEnded(child)) return true;
      const response = await fetch(`http://127.0.0.1:${this.opsPort}/ready`, { signal: AbortSignal.timeout(3000) });
      await response.arrayBuffer();
      return response.ok;
    };
    await eventually(looks, { timeoutMs: startLimitMs, what: `${this.name} to be ready` }).catch((error: Error) => {
      throw new Error(`${error.message}; the end of its log:\n${this.logTail()}`, { cause: error });
    });
    if (!this.isAlive) throw new Error(`${this.name} ended before it was ready; the end of its log:\n${this.logTail()}`);
  }

  /** kill -9; resolves once it is gone. */
  async kill(): Promise<void> {
    if (!this.isAlive) return;
    const exited = once(this.#child!, 'exit');
    this.#child!.kill('SIGKILL');
    await exited;
  }

  /** Lets it do nothing while its connections stay open. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** SIGTERM; answers its exit code, or null where it had to be killed. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    await endProcess(child, stopLimitMs);
    return child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
