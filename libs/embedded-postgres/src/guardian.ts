import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Account } from './account.ts';
import { programEnvironment } from './program-environment.ts';

/**
 * Runs a program for as long as standard input is open, then sends it SIGINT, which PostgreSQL takes for a fast shutdown.
 * The pipe closes with the process that holds it, however that ends, so no server outlives its starter.
 */
const script = `
exec 3<&0
"$@" 3<&- &
program=$!
{ read -r _ <&3; kill -INT $program; } 2>&- &
reader=$!
wait $program
status=$?
kill $reader 2>&-
exit $status`;

/**
 * Starts a server whose life ends with the child's standard input. It leads a session of its own, so that Ctrl-C on the
 * terminal reaches its starter only.
 *
 * @param output file descriptor that takes what it prints
 */
export function spawnGuarded(command: readonly string[], account: Account, output: number): ChildProcess {
  const [shell, ...args] = [...account.prefix, 'sh', '-c', script, 'sh', ...command];
  const child = spawn(shell!, args, {
    ...account.spawn,
    cwd: '/',
    env: programEnvironment,
    detached: true,
    stdio: ['pipe', output, output],
  });
  // The pipe breaks when the shell is killed; its exit tells.
  child.stdin!.on('error', () => undefined);
  return child;
}
