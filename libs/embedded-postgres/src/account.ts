import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, statSync } from 'node:fs';
import { StartUpError } from '@cloudscan/process';
import { programEnvironment } from './program-environment.ts';

/** How to run a program as a user that PostgreSQL accepts. It refuses to run as root. */
export interface Account {
  readonly spawn: { readonly uid?: number; readonly gid?: number };
  /** A program and its arguments that start the rest of the command line. */
  readonly prefix: readonly string[];
  /** Gives a file or folder to the user. */
  adopt(path: string): void;
}

const ownAccount: Account = { spawn: {}, prefix: [], adopt: () => undefined };

/** Users to run as in place of root, in this order. */
const unprivilegedUsers = ['postgres', 'nobody'] as const;

/**
 * The user himself, unless he is root. For root the first way that works, found by trying it: the owner of what is already
 * there, or a user without rights, and where the folders above are closed to that user the same with the right to pass them.
 *
 * @param folder holds the data; must exist
 * @param owned a file or folder of an earlier run, whose owner is kept; null for the first run
 * @throws StartUpError when no way works
 */
export function chooseAccount(folder: string, owned: string | null, program: string): Account {
  if (process.getuid?.() !== 0) return ownAccount;
  const owner = owned === null ? null : ownerOf(owned);
  for (const user of owner === null ? unprivilegedUsers.map(lookUp) : [owner]) {
    const account = user === null ? undefined : waysToRunAs(user).find((way) => works(way, folder, program));
    if (account !== undefined) return account;
  }
  throw new StartUpError(
    `PostgreSQL does not run as root, and another user cannot reach ${folder}; run this as an ordinary user, or make the folders above it passable (chmod o+x)`,
  );
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

function lookUp(name: string): User | null {
  try {
    const id = (flag: string): number =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', env: programEnvironment, stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

/** Null for root. */
function ownerOf(path: string): User | null {
  const { uid, gid } = statSync(path);
  return uid === 0 ? null : { uid, gid };
}

function waysToRunAs(user: User): readonly Account[] {
  const adopt = (path: string): void => chownSync(path, user.uid, user.gid);
  const plain: Account = { spawn: user, prefix: [], adopt };
  if (process.platform !== 'linux') return [plain];
  // capabilities(7): a capability outlives the change of user and the exec only when it is inheritable and ambient, and
  // access(2), by which PostgreSQL looks for its own programs, takes it into account only without the fix-up for set-user-ID.
  const capabilities = ['--securebits=+no_setuid_fixup', '--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  const prefix = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', ...capabilities];
  return [plain, { spawn: {}, prefix, adopt }];
}

function works(account: Account, folder: string, program: string): boolean {
  const [command, ...args] = [...account.prefix, 'sh', '-c', 'cd "$1" && "$2" --version', 'sh', folder, program];
  return spawnSync(command!, args, { ...account.spawn, cwd: '/', env: programEnvironment, stdio: 'ignore' }).status === 0;
}
