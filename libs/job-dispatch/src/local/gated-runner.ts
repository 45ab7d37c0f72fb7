import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { identifyProcess } from '@cloudscan/process';
import type { ProcessIdentity } from '@cloudscan/process';

/** Waits for a line, then becomes the runner: same process, same start time. The end of its input ends it instead. */
const gateScript = 'read -r go && exec "$@" </dev/null';

export interface RunnerExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A runner that exists but does not run until it is let go. Who it is can thus be recorded before it does anything, and a
 * supervisor that dies in between takes it along.
 */
export class GatedRunner {
  readonly identity: ProcessIdentity;
  readonly exit: Promise<RunnerExit>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, identity: ProcessIdentity, exit: Promise<RunnerExit>) {
    this.#child = child;
    this.identity = identity;
    this.exit = exit;
  }

  /** As the leader of a session of its own, its output appended to the log. Throws the error of `spawn`. */
  static async start(
    command: readonly string[],
    options: { cwd: string; env: Readonly<Record<string, string>>; log: string },
  ): Promise<GatedRunner> {
    const log = openSync(options.log, 'a', 0o600);
    try {
      const child = spawn('/bin/sh', ['-c', gateScript, 'runner', ...command], {
        cwd: options.cwd,
        env: options.env,
        detached: true,
        stdio: ['pipe', log, log],
      });
      const exit = once(child, 'exit').then(([exitCode, signal]: unknown[]): RunnerExit => ({ exitCode, signal }) as RunnerExit);
      child.stdin?.on('error', () => undefined);
      await Promise.race([once(child, 'spawn'), exit]);
      // A gate that is gone already is told by its exit; its number is still its own until that was read.
      return new GatedRunner(child, identifyProcess(child.pid!) ?? { pid: child.pid!, startedAt: 'gone' }, exit);
    } finally {
      closeSync(log);
    }
  }

  letGo(): void {
    this.#child.stdin?.end('go\n');
  }

  /** Ends the gate without having become the runner. */
  abandon(): void {
    this.#child.stdin?.destroy();
  }
}
