import { ConfigError } from '@cloudscan/config';
import type { Service } from './service.ts';

/** Exit codes of every server process. */
const exitCodes = { stopped: 0, failed: 1, badConfiguration: 2, forced: 130 } as const;

/**
 * Runs a process until SIGTERM or SIGINT: the first stops it in stages, a second forces the exit. Where the starter set
 * `CLOUDSCAN_EXIT_WITH_PARENT`, the end of standard input counts as the first signal, so that a process never outlives
 * the one that started it.
 */
export async function runMain(create: () => Promise<Service>, options: { readonly exitWithParent?: boolean } = {}): Promise<void> {
  try {
    const app = await create();
    const stop = stopSignal(options.exitWithParent ?? false);
    await app.start();
    await stop;
    process.once('SIGTERM', forceExit);
    process.once('SIGINT', forceExit);
    await app.stop();
    process.exit(exitCodes.stopped);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(error instanceof ConfigError ? exitCodes.badConfiguration : exitCodes.failed);
  }
}

/**
 * Runs a process that has one thing to do and exits with what it answers. SIGTERM and SIGINT abort the signal; a second one
 * forces the exit.
 */
export async function runTask(task: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const stop = new AbortController();
  void stopSignal(false).then(() => {
    stop.abort(new Error('the process was told to stop'));
    process.once('SIGTERM', forceExit);
    process.once('SIGINT', forceExit);
  });
  try {
    process.exit(await task(stop.signal));
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(error instanceof ConfigError ? exitCodes.badConfiguration : exitCodes.failed);
  }
}

function stopSignal(exitWithParent: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
    if (!exitWithParent) return;
    process.stdin.on('end', () => resolve());
    process.stdin.on('error', () => resolve());
    process.stdin.resume();
  });
}

function forceExit(): void {
  process.exit(exitCodes.forced);
}

function describe(error: unknown): string {
  if (error instanceof ConfigError) return `configuration error:\n  ${error.message.replaceAll('\n', '\n  ')}`;
  const startUp = startUpProblem(error);
  return startUp ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
}

/** One clear sentence for what commonly keeps a process from starting. */
function startUpProblem(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof StartUpError) return error.message;
  const { code, port, path } = error as NodeJS.ErrnoException & { port?: number };
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} is in use by another process; stop it or choose another port`;
    case 'EACCES':
      return path === undefined ? null : `${path} cannot be written; give this user write access or choose another folder`;
    case 'EROFS':
      return `${path} is on a read-only file system; choose another folder`;
    case 'unavailable':
    case 'failed_precondition':
      return `${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}`;
    case 'ENOSPC':
      return `the disk is full${path === undefined ? '' : ` (${path})`}; free some space`;
    default:
      return null;
  }
}

/** Keeps a process from starting; its message is one sentence that says what to do, and is shown without a stack. */
export class StartUpError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StartUpError';
  }
}
