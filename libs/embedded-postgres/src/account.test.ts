import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { chooseAccount } from './account.ts';
import type { Account } from './account.ts';
import { findBinaries } from './binaries.ts';

function folderBelow(t: ExecutionContext, mode: number): string {
  const parent = mkdtempSync(join(tmpdir(), 'cloudscan-account-'));
  t.teardown(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, 'below');
  mkdirSync(folder);
  chmodSync(parent, mode);
  return folder;
}

function run(account: Account, script: string, ...args: readonly string[]): string {
  const [command, ...rest] = [...account.prefix, process.execPath, '-e', script, ...args];
  return execFileSync(command!, rest, { ...account.spawn, cwd: '/', encoding: 'utf8' });
}

for (const mode of [0o755, 0o700]) {
  test(`finds a user other than root who passes folders of mode ${mode.toString(8)}, also by what access(2) says`, (t) => {
    const folder = folderBelow(t, mode);
    const account = chooseAccount(folder, null, findBinaries().postgres);
    const script = 'fs.accessSync(process.argv[1], fs.constants.X_OK); process.stdout.write(String(process.getuid()))';
    t.not(run(account, script, folder), '0');
  });
}

test('keeps the owner of what is there', (t) => {
  const folder = folderBelow(t, 0o755);
  const { postgres } = findBinaries();
  const first = chooseAccount(folder, null, postgres);
  first.adopt(folder);
  t.deepEqual(chooseAccount(folder, folder, postgres).spawn, first.spawn);
});
