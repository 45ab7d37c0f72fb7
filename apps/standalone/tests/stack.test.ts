import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createServer } from 'node:net';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { countClients, isRunning, readStackFile, registerClient } from '@cloudscan/process';
import { eventually, testFile } from '@cloudscan/testing';
import { watchClients } from '../src/on-demand.ts';
import { appNames } from '../src/process-plan.ts';
import { stopStack } from '../src/stop-stack.ts';
import { FakeStackFolder } from './fixtures/fake-stack-folder.ts';

const file = testFile(test);
/** Most tests use one data folder after the other, since a first start makes a database. */
const folder = new FakeStackFolder(file);
const everything = [...appNames, 'postgres'];

/** A stack in a process of its own, so that it can be killed. */
async function startInOwnProcess(t: { teardown(callback: () => void): void }) {
  const main = fileURLToPath(new URL('./fixtures/fake-stack.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', main], {
    env: folder.environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  await eventually(() => readStackFile(folder.path) !== null, { timeoutMs: 60_000, what: 'the stack' });
  return child;
}

test.serial('runs every process and PostgreSQL, and leaves nothing running when it stops', async (t) => {
  const stack = folder.stack(t);
  await stack.start();
  t.deepEqual(folder.running(), everything);
  t.is(readStackFile(folder.path)?.process.pid, process.pid);
  t.is(statSync(join(folder.path, 'secrets.json')).mode & 0o777, 0o600);
  await stack.stop();
  t.deepEqual(folder.running(), []);
  t.is(readStackFile(folder.path), null);
});

test.serial('starts and stops again and again, and may be stopped at any time', async (t) => {
  const stack = folder.stack(t);
  await stack.stop();
  for (let round = 0; round < 3; round += 1) {
    await stack.start();
    await stack.start();
    await Promise.all([stack.stop(), stack.stop()]);
    t.deepEqual(folder.running(), []);
  }
});

test.serial('refuses a second start on the same data folder in one sentence', async (t) => {
  const first = folder.stack(t);
  await first.start();
  await t.throwsAsync(folder.stack(t).start(), {
    name: 'StartUpError',
    message: /already runs on .* \(process \d+\); stop it by "npm run stop"/,
  });
  t.deepEqual(folder.running(), everything);
  await first.stop();
});

test.serial('names the variable of a port that is in use', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const stack = folder.stack(t, { environment: { HTTP_PORT: String(port) } });
  await t.throwsAsync(stack.start(), {
    name: 'StartUpError',
    message: `port ${port} is in use by another process; stop that one, or set HTTP_PORT to another port (0 takes a free one)`,
  });
  server.close();
  t.deepEqual(folder.running(), []);
});

test.serial('says which process did not start and why, and leaves nothing running', async (t) => {
  const stack = folder.stack(t, { environment: { FAKE_FAILS: 'dispatcher' } });
  await t.throwsAsync(stack.start(), {
    name: 'StartUpError',
    message: /^dispatcher ended at its start; the end of .*dispatcher\.log:\n[^]*it cannot go on/,
  });
  t.deepEqual(folder.running(), []);
});

for (const name of [...appNames, 'postgres'] as const) {
  test.serial(`starts ${name} again when it is killed`, async (t) => {
    const stack = folder.stack(t);
    await stack.start();
    const killed = folder.processOf(name)!;
    process.kill(killed.pid, 'SIGKILL');
    await eventually(() => !isRunning(killed) && folder.processOf(name) !== null);
    t.true(folder.said.some((text) => text.includes(name === 'postgres' ? 'PostgreSQL ended' : `${name} ended (SIGKILL)`)));
    await stack.stop();
    t.deepEqual(folder.running(), []);
  });
}

test.serial('takes its processes along when it is killed itself, and starts again on the same data', async (t) => {
  const killed = await startInOwnProcess(t);
  const secrets = statSync(join(folder.path, 'secrets.json')).mtimeMs;
  killed.kill('SIGKILL');
  await eventually(() => folder.running().length === 0, { what: 'the end of every process' });
  t.is(readStackFile(folder.path), null);

  const next = folder.stack(t);
  await next.start();
  t.deepEqual(folder.running(), everything);
  t.is(statSync(join(folder.path, 'secrets.json')).mtimeMs, secrets);
  await next.stop();
});

test.serial('is stopped from another process', async (t) => {
  const child = await startInOwnProcess(t);
  t.is(await stopStack(folder.path), child.pid!);
  t.deepEqual(folder.running(), []);
  t.is(await stopStack(folder.path), null);
});

test.serial('ends once no client is left, when it was started on demand', async (t) => {
  const release = registerClient(folder.path);
  const stack = folder.stack(t, { onDemand: true });
  await stack.start();
  t.is(folder.ends, 0);
  release();
  await eventually(() => folder.ends > 0);
  t.is(readStackFile(folder.path), null);
  await stack.stop();
  t.is(folder.ends, 1);
});

test.serial('refuses to start without the secrets that the data was made with', async (t) => {
  rmSync(join(folder.path, 'secrets.json'));
  await t.throwsAsync(folder.stack(t).start(), { name: 'StartUpError', message: /secrets\.json is missing/ });
});

test('is found again by a client that comes at the very moment of its end', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'cloudscan-clients-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  let announced = true;
  let release = (): void => undefined;
  const stack = {
    announce: () => void (announced = true),
    withdraw: () => {
      announced = false;
      release = registerClient(path);
    },
  };
  let ends = 0;
  const clients = watchClients(
    path,
    stack,
    () => (ends += 1),
    (error) => t.fail(String(error)),
  );
  await clients.start();
  await eventually(() => countClients(path) === 1);
  t.deepEqual({ announced, ends }, { announced: true, ends: 0 });
  await clients.stop();
  release();
});
