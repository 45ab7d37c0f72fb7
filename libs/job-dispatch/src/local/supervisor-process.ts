import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identifyProcess } from '@cloudscan/process';
import type { ProcessIdentity } from '@cloudscan/process';
import type { RunInstructions } from './run-instructions.ts';

/** Beside this file, in the sources as in what is built. */
const mainModule = fileURLToPath(new URL(`./supervisor-main${extname(import.meta.url)}`, import.meta.url));

/** A supervisor lives through long runs and does little: small generations keep it small. */
const nodeOptions = ['--max-old-space-size=64', '--max-semi-space-size=1', '--disable-warning=ExperimentalWarning'];

/** A supervisor that waits for its instructions, in a session of its own: it outlives the process that started it. */
export class SupervisorProcess {
  readonly identity: ProcessIdentity;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, identity: ProcessIdentity) {
    this.#child = child;
    this.identity = identity;
  }

  /**
   * Throws the error of `spawn`.
   *
   * @param compileCache a folder of `NODE_COMPILE_CACHE`, which halves what a supervisor needs in memory and to start
   */
  static async start(logPath: string, compileCache: string | undefined): Promise<SupervisorProcess> {
    const log = openSync(logPath, 'a', 0o600);
    try {
      const child = spawn(process.execPath, [...nodeOptions, ...sourceCondition(), mainModule], {
        cwd: '/',
        env: { NODE_COMPILE_CACHE: compileCache },
        detached: true,
        stdio: ['pipe', 'ignore', log],
      });
      child.stdin?.on('error', () => undefined);
      await once(child, 'spawn');
      child.unref();
      const identity = identifyProcess(child.pid!);
      if (identity === null) throw new Error('the supervisor ended at once');
      return new SupervisorProcess(child, identity);
    } finally {
      closeSync(log);
    }
  }

  /** Lets it begin. One that died in the meantime is found by whoever looks at the run next. */
  instruct(instructions: RunInstructions): void {
    this.#child.stdin?.end(JSON.stringify(instructions));
  }

  /** It ends without having done anything. */
  dismiss(): void {
    this.#child.stdin?.end();
  }
}

/** The sources run under a condition that what is built does without. */
function sourceCondition(): readonly string[] {
  return mainModule.endsWith('.ts') ? ['--conditions=@cloudscan/source'] : [];
}
