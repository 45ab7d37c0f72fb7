import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StartUpError } from '@cloudscan/process';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { programEnvironment } from './program-environment.ts';

/** The name of the superuser, and of the database that is always there. */
export const superuser = 'postgres';

/**
 * Makes the data folder unless it is there. An attempt that was interrupted leaves a draft, which the next one replaces.
 *
 * @throws StartUpError when it was made by another major version
 */
export async function ensureCluster(dataDir: string, password: string, binaries: PostgresBinaries, account: Account): Promise<void> {
  if (existsSync(dataDir)) return requireSameVersion(dataDir, binaries, account);
  const draft = `${dataDir}.draft`;
  const passwordFile = `${dataDir}.password`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  account.adopt(draft);
  account.adopt(passwordFile);
  try {
    const options = initOptions(await majorVersionOf(binaries, account));
    await run(binaries.initdb, ['-D', draft, `--pwfile=${passwordFile}`, ...options], account);
    renameSync(draft, dataDir);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Of `initdb`. Options that a version does not know end it. */
function initOptions(majorVersion: number): string[] {
  const options = [`--username=${superuser}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions'];
  // One system call in place of an fsync per file.
  if (majorVersion >= 17 && process.platform === 'linux') options.push('--sync-method=syncfs');
  // Older versions have none by default.
  if (majorVersion >= 18) options.push('--no-data-checksums');
  return options;
}

async function requireSameVersion(dataDir: string, binaries: PostgresBinaries, account: Account): Promise<void> {
  const made = Number(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8'));
  const have = await majorVersionOf(binaries, account);
  if (made !== have) {
    throw new StartUpError(
      `${dataDir} was made by PostgreSQL ${made} and this is ${have}; dump it with the old version, or remove the folder to begin anew`,
    );
  }
}

async function majorVersionOf({ postgres }: PostgresBinaries, account: Account): Promise<number> {
  return Number(/(\d+)/.exec(await run(postgres, ['--version'], account))?.[1]);
}

async function run(program: string, args: readonly string[], account: Account): Promise<string> {
  const [command, ...rest] = [...account.prefix, program, ...args];
  const { stdout } = await promisify(execFile)(command!, rest, { ...account.spawn, cwd: '/', env: programEnvironment });
  return stdout;
}
