import { constants } from 'node:fs';
import { access, open, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessOutcome } from './run-process.ts';

/**
 * A program that runs in another container and shares nothing with this process but a folder. What each side writes there, once:
 * `ready` (the program may begin), `stop` (it must end), both by this side; `started`, `stdout`, `stderr`, and at last `exit`, the
 * program's exit code as a line, by the other.
 *
 * The other side is this script for a POSIX shell, so that any image will do that has one. Its container has to be one that is started
 * again when it ends, and that ends with its pod: a sidecar of Kubernetes. A script that finds itself started again before there is an exit
 * code knows that its container was killed. The end of the script, being the container's first process, ends whatever the program started.
 */
const script = `trap 'exit 0' TERM
cd "$1" && shift || exit 1
idle() { while :; do sleep 60 & wait $!; done; }
if [ -e started ]; then
  [ -e exit ] || echo killed >exit
  idle
fi
until [ -e ready ]; do sleep 1 & wait $!; done
: >started
(until [ -e stop ]; do sleep 1; done; kill $$) &
"$@" >stdout 2>stderr &
wait $!
echo $? >exit
idle`;

/** The command line of the other container. @param folder as that container sees it */
export function sideCommand(folder: string, command: readonly string[]): string[] {
  return ['sh', '-c', script, 'side-process', folder, ...command];
}

export interface SideProcessOptions {
  /** Milliseconds until the program is stopped. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Bytes kept of the end of standard error; 16 KiB by default. */
  readonly tailBytes?: number;
}

/** Milliseconds between two looks whether the program has ended: no file system tells of changes across containers for sure. */
const lookMs = 200;
/** The longest line that says how it ended. */
const maxExitBytes = 16;

/** Whether a container has, or will have, the other side of this folder. */
export async function hasSideProcess(folder: string): Promise<boolean> {
  return await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Lets the program that waits behind a folder run, and answers how it ended, as `runProcess` does; its standard output is in the file
 * `stdout` of the folder, for {@link openSideFile}. A program that is stopped has at most a second.
 */
export async function runSideProcess(folder: string, options: SideProcessOptions): Promise<ProcessOutcome> {
  const startedAt = performance.now();
  const { signal, timeoutMs, tailBytes = 16_384 } = options;
  const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  await say(folder, 'ready');
  const exit = await waitForExit(folder, until);
  if (exit === null) await say(folder, 'stop');
  return {
    ...(exit ?? { exitCode: null, signal: 'SIGTERM' }),
    killedBecause: exit !== null ? null : signal.aborted ? 'aborted' : 'timeout',
    stdout: '',
    stderr: await tailOf(join(folder, 'stderr'), tailBytes),
    durationMs: performance.now() - startedAt,
  };
}

/**
 * Opens what the program has written. It may have been led to write a link, a pipe or a device where its file should be; none of these is
 * followed or waited for.
 *
 * @throws an error with the code ENOENT, ELOOP or EINVAL when there is no regular file of that name
 */
export async function openSideFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw Object.assign(new Error(`${path} is no regular file`), { code: 'EINVAL' });
}

/** Never through a link, and never over what is there. */
async function say(folder: string, word: 'ready' | 'stop'): Promise<void> {
  await writeFile(join(folder, word), '', { flag: 'wx', mode: 0o644 });
}

type Exit = Pick<ProcessOutcome, 'exitCode' | 'signal'>;

/** Null when the time is over first. */
async function waitForExit(folder: string, until: AbortSignal): Promise<Exit | null> {
  while (!until.aborted) {
    const exit = await readExit(join(folder, 'exit'));
    if (exit !== null) return exit;
    await delay(lookMs, undefined, { signal: until }).catch(() => undefined);
  }
  return null;
}

/** Null until its line is complete. A shell reports a signal as 128 and its number. */
async function readExit(path: string): Promise<Exit | null> {
  const text = await tailOf(path, maxExitBytes);
  if (!text.endsWith('\n')) return null;
  const code = text === 'killed\n' ? 128 + os.signals.SIGKILL : Number(text);
  const signal = Object.entries(os.signals).find(([, number]) => number === code - 128)?.[0] as NodeJS.Signals | undefined;
  return signal === undefined ? { exitCode: code, signal: null } : { exitCode: null, signal };
}

/** Empty for what is not there, or is no regular file. */
async function tailOf(path: string, maxBytes: number): Promise<string> {
  try {
    await using file = await openSideFile(path);
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, maxBytes));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
