import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { MemoryBudget } from './memory-budget.ts';
import { OpsServer } from './ops-server.ts';
import { PeriodicTask } from './periodic-task.ts';
import { identifyProcess, isRunning } from './process-identity.ts';
import { runProcess } from './run-process.ts';
import { Shutdown } from './shutdown.ts';

const node = process.execPath;
const env = { PATH: process.env.PATH };
const quiet = { info: () => undefined, warn: () => undefined };

test('runs a program and keeps its exit code and the end of its output', async (t) => {
  const outcome = await runProcess(node, ['-e', `console.log('x'.repeat(100000) + 'end'); console.error('oops'); process.exit(3)`], {
    env,
    tailBytes: 10,
  });
  t.like(outcome, { exitCode: 3, signal: null, killedBecause: null, stderr: 'oops\n' });
  t.is(outcome.stdout, 'xxxxxxend\n');
});

test('kills the whole group at the time limit, also a grandchild that ignores SIGTERM', async (t) => {
  const script = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: 'inherit' });
    process.stderr.write(String(child.pid));
    setInterval(() => {}, 1000);`;
  const outcome = await runProcess(node, ['-e', script], { env, timeoutMs: 3000, graceMs: 50 });
  t.is(outcome.killedBecause, 'timeout');
  const grandchild = Number(outcome.stderr);
  t.true(grandchild > 0);
  // The number is free once init has taken notice.
  for (let tries = 0; identifyProcess(grandchild) !== null && tries < 500; tries += 1) await delay(20);
  t.is(identifyProcess(grandchild), null);
});

test('an abort and a reader that fails end the program', async (t) => {
  const forever = ['-e', `setInterval(() => console.log('tick'), 10)`];
  t.is((await runProcess(node, forever, { env, signal: AbortSignal.timeout(300), graceMs: 50 })).killedBecause, 'aborted');
  const failing = async (stdout: Readable): Promise<void> => {
    for await (const _chunk of stdout) throw new Error('cannot read that');
  };
  await t.throwsAsync(runProcess(node, forever, { env, onStdout: failing, graceMs: 50 }), { message: 'cannot read that' });
});

test('kills a group at once that takes more memory than it may, all of its processes together', async (t) => {
  const keep = `globalThis.kept = Buffer.alloc(150 * 2 ** 20, 1); setInterval(() => {}, 1000)`;
  const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(keep)}], { stdio: 'inherit' }); ${keep}`;
  const outcome = await runProcess(node, ['-e', script], { env, memoryLimitBytes: 300 * 2 ** 20 });
  t.like(outcome, { exitCode: null, signal: 'SIGKILL', killedBecause: 'memory' });
  const single = await runProcess(node, ['-e', `globalThis.kept = Buffer.alloc(150 * 2 ** 20, 1)`], {
    env,
    memoryLimitBytes: 300 * 2 ** 20,
  });
  t.like(single, { exitCode: 0, killedBecause: null });
});

test('a program that is not there is an error of its own', async (t) => {
  await t.throwsAsync(runProcess('/nowhere/program', [], { env }), { code: 'ENOENT' });
});

test('a process is told from a later one with its number', (t) => {
  const own = identifyProcess(process.pid)!;
  t.true(isRunning(own));
  t.false(isRunning({ pid: own.pid, startedAt: 'earlier' }));
});

test('a periodic task survives an error, never overlaps itself and stops at once', async (t) => {
  let runs = 0;
  let atWork = 0;
  const errors: unknown[] = [];
  const enough = Promise.withResolvers<void>();
  const task = new PeriodicTask({ name: 'test', intervalMs: 1, onError: (error) => errors.push(error) }, async () => {
    atWork += 1;
    t.is(atWork, 1);
    await new Promise((resolve) => setImmediate(resolve));
    atWork -= 1;
    runs += 1;
    if (runs === 5) enough.resolve();
    if (runs === 2) throw new Error('once');
  });
  await task.start();
  await enough.promise;
  await task.stop();
  const after = runs;
  t.is(errors.length, 1);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(runs, after);
});

test('a wake during a run makes it run once more without the pause', async (t) => {
  let runs = 0;
  const second = Promise.withResolvers<void>();
  const task: PeriodicTask = new PeriodicTask({ name: 'test', intervalMs: 1_000_000, onError: () => t.fail() }, async () => {
    runs += 1;
    if (runs === 1) task.wake();
    else second.resolve();
  });
  await task.start();
  await second.promise;
  t.is(runs, 2);
  await task.stop();
});

test('a periodic task can be started and stopped again and again', async (t) => {
  const task = new PeriodicTask({ name: 'test', intervalMs: 1, onError: () => t.fail() }, async () => undefined);
  for (let round = 0; round < 50; round += 1) {
    await task.start();
    await Promise.all([task.stop(), task.stop()]);
  }
  t.pass();
});

test('a shutdown keeps the order of its stages, whatever fails or is late', async (t) => {
  const order: string[] = [];
  const shutdown = new Shutdown(quiet);
  shutdown.on('close', 'pool', 1000, () => void order.push('close'));
  shutdown.on('drain', 'late', 10, () => new Promise(() => undefined));
  shutdown.on('stop-intake', 'failing', 1000, () => {
    order.push('stop-intake');
    throw new Error('no');
  });
  shutdown.on('not-ready', 'health', 1000, () => void order.push('not-ready'));
  await Promise.all([shutdown.run(), shutdown.run()]);
  t.deepEqual(order, ['not-ready', 'stop-intake', 'close']);
});

test('ready names each dependency, and 503 means that a required one is down', async (t) => {
  let required = true;
  const server = new OpsServer({
    host: '127.0.0.1',
    port: 0,
    checkTimeoutMs: 50,
    checks: [
      { name: 'database', required: true, check: async () => (required ? undefined : Promise.reject(new Error('password=hunter2'))) },
      { name: 'cache', required: false, check: () => new Promise(() => undefined) },
    ],
    metrics: async () => ({ contentType: 'text/plain', body: 'up 1\n' }),
  });
  await server.start();
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return { status: response.status, body: await response.text() };
  };
  const ready = await get('/ready');
  t.is(ready.status, 200);
  t.like(JSON.parse(ready.body), {
    status: 'ready',
    dependencies: { database: { state: 'up', required: true }, cache: { state: 'down', required: false } },
  });
  required = false;
  const down = await get('/ready');
  t.is(down.status, 503);
  t.false(down.body.includes('hunter2'));
  t.is((await get('/health')).status, 200);
  t.is((await get('/metrics')).body, 'up 1\n');
  t.is((await get('/other')).status, 404);
  required = true;
  server.drain();
  t.like(await get('/ready'), { status: 503 });
  await server.stop();
  await server.stop();
});

test('a failed start leaves one sentence and the exit code', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-main-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const program = (body: string): string => {
    const path = join(folder, `${Math.random()}.mjs`);
    writeFileSync(path, `import { runMain, StartUpError } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};\n${body}`);
    return path;
  };
  const run = (path: string) => runProcess(node, ['--conditions=@cloudscan/source', path], { env });
  const refused = await run(program(`await runMain(async () => { throw new StartUpError('the folder is taken; choose another'); });`));
  t.like(refused, { exitCode: 1, stderr: 'the folder is taken; choose another\n' });
  const port = await run(
    program(`await runMain(async () => { throw Object.assign(new Error('x'), { code: 'EADDRINUSE', port: 9999 }); });`),
  );
  t.is(port.stderr, 'port 9999 is in use by another process; stop it or choose another port\n');
});

test('of the groups of one budget the one that takes the most is killed, and the others go on', async (t) => {
  const takes = (mebibytes: number): string =>
    `const held = Buffer.alloc(${mebibytes} * 2 ** 20, 1); setTimeout(() => process.exit(held[0] - 1), ${mebibytes > 100 ? 60_000 : 3000})`;
  const memoryBudget = new MemoryBudget(400 * 2 ** 20);
  const outcomes = await Promise.all([30, 450, 40].map((mebibytes) => runProcess(node, ['-e', takes(mebibytes)], { env, memoryBudget })));
  t.deepEqual(
    outcomes.map(({ killedBecause, exitCode }) => ({ killedBecause, exitCode })),
    [
      { killedBecause: null, exitCode: 0 },
      { killedBecause: 'budget', exitCode: null },
      { killedBecause: null, exitCode: 0 },
    ],
  );
});
