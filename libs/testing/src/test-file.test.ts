import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import type { TestFn } from 'ava';
import { testFile } from './test-file.ts';

/** Stands in for ava's `test` and gives the hook that {@link testFile} registers. */
function recordHook() {
  let hook: (() => Promise<void>) | undefined;
  const always = (_title: string, implementation: () => Promise<void>): void => {
    hook = implementation;
  };
  return { test: { after: { always } } as unknown as TestFn, runHook: () => hook!() };
}

test.serial('calls what it was given, the last first, also after one that fails', async (t) => {
  const { test: recorded, runHook } = recordHook();
  const file = testFile(recorded);
  const called: string[] = [];
  file.teardown(() => void called.push('first'));
  file.teardown(() => {
    called.push('second');
    throw new Error('in use');
  });
  await t.throwsAsync(runHook(), { message: 'in use' });
  t.deepEqual(called, ['second', 'first']);
});

test.serial('names a timer, a server and a child process that are left open', async (t) => {
  const { test: recorded, runHook } = recordHook();
  testFile(recorded);
  const timer = setInterval(() => undefined, 1000);
  const server = createServer().listen(0, '127.0.0.1');
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await Promise.all([once(server, 'listening'), once(child, 'spawn')]);

  await t.throwsAsync(runHook(), { message: 'the test file leaves a timer, a child process, a server open' });

  clearInterval(timer);
  server.close();
  child.stdin.end();
  await once(child, 'exit');
  await t.notThrowsAsync(runHook());
});
