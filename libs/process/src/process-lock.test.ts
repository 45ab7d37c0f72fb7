import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { acquireProcessLock, processLockHolder } from './process-lock.ts';

function lockFile(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-lock-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'lock');
}

const script = `
import { acquireProcessLock } from ${JSON.stringify(new URL('./process-lock.ts', import.meta.url).href)};
process.stdout.write('heldBy' in acquireProcessLock(process.argv[1]) ? 'refused' : 'held');
process.stdin.resume();`;

/** A process that asks for the lock and lives until it is killed. */
async function contender(t: ExecutionContext, path: string) {
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', '--input-type=module', '-e', script, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  const [answer] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, answer: answer.toString() };
}

test('is held until it is released, and says by whom', (t) => {
  const path = lockFile(t);
  const lock = acquireProcessLock(path);
  t.true('release' in lock);
  t.like(acquireProcessLock(path), { heldBy: { pid: process.pid } });
  t.is(processLockHolder(path)?.pid, process.pid);
  if ('release' in lock) lock.release();
  t.is(processLockHolder(path), null);
  t.true('release' in acquireProcessLock(path));
});

test('outlives no holder, and goes to one of several that ask at once', async (t) => {
  const path = lockFile(t);
  const first = await contender(t, path);
  t.is(first.answer, 'held');
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  t.true(existsSync(path));
  t.is(processLockHolder(path), null);
  const next = await Promise.all(Array.from({ length: 4 }, () => contender(t, path)));
  t.deepEqual(next.map(({ answer }) => answer).sort(), ['held', 'refused', 'refused', 'refused']);
});

test('a damaged lock file holds nobody up', (t) => {
  const path = lockFile(t);
  writeFileSync(path, '{"pid":');
  t.true('release' in acquireProcessLock(path));
});
