import type { Environment } from '@cloudscan/config';
import { runProcess } from '@cloudscan/process';

/**
 * Which branch and commit a folder holds; empty where it is no git checkout or git is not installed.
 *
 * @param env where PATH and HOME are taken from
 */
export async function describeCheckout(folder: string, env: Environment): Promise<{ readonly branch: string; readonly commit: string }> {
  const ask = (args: readonly string[]): Promise<string> => askGit(folder, args, env);
  const [branch, commit] = await Promise.all([
    ask(['symbolic-ref', '--short', '-q', 'HEAD']),
    ask(['rev-parse', '-q', '--verify', 'HEAD']),
  ]);
  return { branch, commit };
}

async function askGit(folder: string, args: readonly string[], env: Environment): Promise<string> {
  // The folder's own configuration may name programs to run; these two questions run none.
  const git = ['-C', folder, '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', ...args];
  const outcome = await runProcess('git', git, { env: { PATH: env.PATH, HOME: env.HOME, GIT_OPTIONAL_LOCKS: '0' }, timeoutMs: 5000 }).catch(
    () => null,
  );
  return outcome?.exitCode === 0 ? outcome.stdout.trim() : '';
}
