import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemScope } from '@cloudscan/auth';
import { orchestratorRoles } from '@cloudscan/database';
import type { Database, DatabaseConfig } from '@cloudscan/database';
import { DomainError, unavailable } from '@cloudscan/domain';
import type { DispatchMessage } from '@cloudscan/orchestration';
import { PgBossQueue } from '../src/index.ts';
import type { PgBossQueueOptions } from '../src/index.ts';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually, newId, testDatabase, testDatabaseServer } from '@cloudscan/testing';
import type { TestDatabase } from '@cloudscan/testing';
import test from 'ava';
import type { ExecutionContext } from 'ava';

const scope = systemScope('test');

async function startQueue(
  t: ExecutionContext,
  config: DatabaseConfig,
  mode: PgBossQueueOptions['mode'] = 'consume',
  drainMs = 5000,
): Promise<PgBossQueue> {
  const queue = new PgBossQueue(config, {
    applicationName: `test-queue-${mode}`,
    role: orchestratorRoles.system,
    mode,
    logger: silentLogger,
    drainMs,
  });
  await queue.start();
  t.teardown(() => queue.stop());
  return queue;
}

function dispatch(overrides: Partial<DispatchMessage> = {}): DispatchMessage {
  return { scanId: newId(), organizationId: newId(), attempt: 1, traceparent: null, ...overrides };
}

async function send(database: Database, queue: PgBossQueue, ...messages: readonly DispatchMessage[]): Promise<void> {
  await database.transaction(scope, (transaction) =>
    queue.send(
      transaction,
      messages.map((message) => ({ queue: 'dispatch', message })),
    ),
  );
}

async function states({ query }: TestDatabase): Promise<readonly string[]> {
  const rows = await query<{ state: string }>(`SELECT state::text FROM pgboss.job WHERE name = 'dispatch' ORDER BY created_on, id`);
  return rows.map(({ state }) => state);
}

/** Of what somebody must still handle. */
async function openStates(db: TestDatabase): Promise<readonly string[]> {
  return (await states(db)).filter((state) => state !== 'completed');
}

test('hands messages on by notification, from a sender that does not consume', async (t) => {
  const { database, config } = await testDatabase(t);
  const sender = await startQueue(t, config, 'send');
  const consumer = await startQueue(t, config);
  const seen: DispatchMessage[] = [];
  await consumer.consume('dispatch', { concurrency: 4 }, async (message) => void seen.push(message));
  const messages = Array.from({ length: 6 }, () => dispatch({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }));
  const startedAt = performance.now();
  for (const [index, message] of messages.entries()) {
    await send(database, sender, message);
    await eventually(() => seen.length === index + 1);
  }
  t.deepEqual(seen, messages);
  t.true(performance.now() - startedAt < 6000, 'by polls alone each would wait for two seconds');
});

test('a message is there exactly when its transaction was committed', async (t) => {
  const db = await testDatabase(t);
  const queue = await startQueue(t, db.config, 'send');
  await t.throwsAsync(
    db.database.transaction(scope, async (transaction) => {
      await queue.send(transaction, [{ queue: 'dispatch', message: dispatch() }]);
      throw new Error('the rest of the command fails');
    }),
  );
  t.deepEqual(await states(db), []);
  await send(db.database, queue, dispatch());
  t.deepEqual(await states(db), ['created']);
});

test('a message whose key waits or is at work is not sent twice, and may be sent again once it is done', async (t) => {
  const db = await testDatabase(t);
  const queue = await startQueue(t, db.config);
  const message = dispatch();
  await send(db.database, queue, message, message);
  await send(db.database, queue, message);
  t.deepEqual(await states(db), ['created']);

  const release = Promise.withResolvers<void>();
  let handled = 0;
  await queue.consume('dispatch', { concurrency: 2 }, async () => {
    handled += 1;
    await release.promise;
  });
  await eventually(() => handled === 1);
  await send(db.database, queue, message);
  t.deepEqual(await states(db), ['active']);
  await send(db.database, queue, { ...message, attempt: 2 });
  release.resolve();
  await eventually(() => handled === 2);
  await eventually(async () => (await states(db)).every((state) => state === 'completed'));
  await send(db.database, queue, message);
  await eventually(() => handled === 3);
  t.is(handled, 3);
});

test('handles no more than `concurrency` at a time, and a burst without pauses', async (t) => {
  const { database, config } = await testDatabase(t);
  const queue = await startQueue(t, config);
  for (const concurrency of [1, 4]) {
    let atWork = 0;
    let most = 0;
    let done = 0;
    const startedAt = performance.now();
    const stop = await queue.consume('dispatch', { concurrency }, async () => {
      atWork += 1;
      most = Math.max(most, atWork);
      await new Promise(setImmediate);
      atWork -= 1;
      done += 1;
    });
    await send(database, queue, ...Array.from({ length: 40 }, () => dispatch()));
    await eventually(() => done === 40, { timeoutMs: 20_000 });
    t.true(most <= concurrency, `${most} at once with a concurrency of ${concurrency}`);
    t.true(performance.now() - startedAt < 20_000, 'by one poll for each fetch of two they would take forty seconds');
    await stop();
  }
});

test('a handler that throws sees its message again, knows the last try, and leaves a dead letter', async (t) => {
  const db = await testDatabase(t);
  await db.query(`UPDATE pgboss.queue SET retry_limit = 2, retry_delay = 0, retry_backoff = false WHERE name = 'dispatch'`);
  const queue = await startQueue(t, db.config);
  const tries: boolean[] = [];
  const seen: DispatchMessage[] = [];
  await queue.consume('dispatch', { concurrency: 2 }, async (message, _signal, { isLast }) => {
    if (message.attempt === 2) return void seen.push(message);
    tries.push(isLast);
    throw new Error('a poison message');
  });
  const poison = dispatch();
  const good = dispatch({ attempt: 2 });
  await send(db.database, queue, poison, good);
  await eventually(() => tries.length === 3, { timeoutMs: 20_000 });
  t.deepEqual(tries, [false, false, true]);
  t.deepEqual(seen, [good], 'one bad message holds up no other');
  const letters = await eventually(async () => {
    const rows = await db.query<{ data: DispatchMessage }>(`SELECT data FROM pgboss.job WHERE name = 'dispatch-dead-letters'`);
    return rows.length > 0 && rows;
  });
  t.deepEqual(letters, [{ data: poison }]);
});

test('the function that consume returns waits for what is at work and takes nothing new', async (t) => {
  const db = await testDatabase(t);
  const queue = await startQueue(t, db.config);
  const release = Promise.withResolvers<void>();
  let begun = 0;
  const stop = await queue.consume('dispatch', { concurrency: 2 }, async () => {
    begun += 1;
    await release.promise;
  });
  await send(db.database, queue, dispatch());
  await eventually(() => begun === 1);
  let stopped = false;
  const stopping = stop().then(() => (stopped = true));
  await send(db.database, queue, dispatch());
  t.false(stopped);
  release.resolve();
  await stopping;
  t.is(begun, 1);
  t.deepEqual(await openStates(db), ['created'], 'also what a fetch under way still took is there for others');
});

test('while what a handler depends on is away no try is counted', async (t) => {
  const db = await testDatabase(t);
  await db.query(`UPDATE pgboss.queue SET retry_limit = 1 WHERE name = 'dispatch'`);
  const queue = await startQueue(t, db.config);
  const tries: boolean[] = [];
  await queue.consume('dispatch', { concurrency: 2 }, async (_message, _signal, { isLast }) => {
    tries.push(isLast);
    if (tries.length <= 3) throw unavailable('the cluster');
  });
  await send(db.database, queue, dispatch());
  await eventually(() => tries.length === 4, { timeoutMs: 20_000 });
  t.deepEqual(tries, [false, false, false, false]);
  await eventually(async () => (await states(db)).at(-1) === 'completed');
  t.deepEqual(await db.query(`SELECT FROM pgboss.job WHERE name = 'dispatch-dead-letters'`), []);
});

test('a pause that an error asks for is kept, and its try is counted', async (t) => {
  const db = await testDatabase(t);
  await db.query(`UPDATE pgboss.queue SET retry_limit = 1, retry_delay = 0, retry_backoff = false WHERE name = 'dispatch'`);
  const queue = await startQueue(t, db.config);
  const tries: { readonly at: number; readonly isLast: boolean }[] = [];
  await queue.consume('dispatch', { concurrency: 2 }, async (_message, _signal, { isLast }) => {
    tries.push({ at: performance.now(), isLast });
    throw new DomainError('resource_exhausted', 'the namespace is full', { retryAfterMs: 1500 });
  });
  await send(db.database, queue, dispatch());
  await eventually(async () => (await db.query(`SELECT FROM pgboss.job WHERE name = 'dispatch-dead-letters'`)).length === 1, {
    timeoutMs: 20_000,
  });
  t.deepEqual(
    tries.map(({ isLast }) => isLast),
    [false, true],
  );
  t.true(tries[1]!.at - tries[0]!.at >= 1500);
});

test('a message that does not end holds up no other, and goes to somebody else at once when its consumer stops', async (t) => {
  const db = await testDatabase(t);
  await db.query(`UPDATE pgboss.queue SET retry_limit = 1 WHERE name = 'dispatch'`);
  const first = await startQueue(t, db.config, 'consume', 200);
  const second = await startQueue(t, db.config);
  const stuck = dispatch();
  const others = Array.from({ length: 20 }, () => dispatch());
  const done: string[] = [];
  let wasAborted = false;
  const entered = Promise.withResolvers<void>();
  const stop = await first.consume('dispatch', { concurrency: 2 }, async ({ scanId }, signal) => {
    if (scanId !== stuck.scanId) return void done.push(scanId);
    signal.addEventListener('abort', () => (wasAborted = true));
    entered.resolve();
    await new Promise(() => undefined);
  });
  await send(db.database, first, stuck, ...others);
  await entered.promise;
  await eventually(() => done.length === others.length, { timeoutMs: 20_000 });
  await stop();
  t.true(wasAborted);
  t.deepEqual(await openStates(db), ['created'], 'given back, not left to its heartbeat');
  const taken = Promise.withResolvers<boolean>();
  await second.consume('dispatch', { concurrency: 2 }, async (_message, _signal, { isLast }) => taken.resolve(isLast));
  t.false(await taken.promise, 'and no try is counted');
});

test('consumers that are woken together share what has come', async (t) => {
  const db = await testDatabase(t);
  const handled = [0, 0];
  for (const index of handled.keys()) {
    const queue = await startQueue(t, db.config);
    await queue.consume('dispatch', { concurrency: 8 }, async () => {
      handled[index]! += 1;
      await delay(50);
    });
  }
  const sender = await startQueue(t, db.config, 'send');
  await send(db.database, sender, ...Array.from({ length: 100 }, () => dispatch()));
  await eventually(() => handled[0]! + handled[1]! === 100, { timeoutMs: 20_000 });
  t.true(Math.min(...handled) >= 20, handled.join(' and '));
});

test('depth counts what waits', async (t) => {
  const { database, config } = await testDatabase(t);
  const queue = await startQueue(t, config, 'send');
  await send(database, queue, dispatch(), dispatch(), dispatch());
  t.is(await queue.depth('dispatch'), 3);
  t.is(await queue.depth('stop-job'), 0);
});

test('a message of a consumer that was killed goes to another within seconds', async (t) => {
  const db = await testDatabase(t);
  const { database, config } = db;
  const queue = await startQueue(t, config);
  const message = dispatch();
  const connection = { ...config, password: config.password.reveal() };
  const doomed = fork(join(import.meta.dirname, 'consumer-that-never-ends.ts'), [JSON.stringify(connection)], {
    execArgv: ['--conditions=@cloudscan/source'],
  });
  t.teardown(() => doomed.kill('SIGKILL'));
  await once(doomed, 'message');
  await send(database, queue, message);
  const [taken] = (await once(doomed, 'message')) as [DispatchMessage];
  t.deepEqual(taken, message);
  doomed.kill('SIGKILL');
  await once(doomed, 'exit');
  const killedAt = performance.now();
  const seen: DispatchMessage[] = [];
  await queue.consume('dispatch', { concurrency: 2 }, async (again) => void seen.push(again));
  await eventually(() => seen.length === 1, { timeoutMs: 40_000 });
  t.deepEqual(seen, [message]);
  t.log(`after ${Math.round(performance.now() - killedAt)} ms`);
});

test('goes on after its connections were cut in mid-flight', async (t) => {
  const db = await testDatabase(t);
  const queue = await startQueue(t, db.config);
  const seen = new Set<string>();
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await queue.consume('dispatch', { concurrency: 2 }, async ({ scanId }) => {
    entered.resolve();
    await release.promise;
    seen.add(scanId);
  });
  const first = dispatch();
  await send(db.database, queue, first);
  await entered.promise;
  await db.cutConnections();
  release.resolve();
  const second = dispatch();
  await eventually(async () => {
    await send(db.database, queue, second);
    return true;
  });
  await eventually(() => seen.has(second.scanId), { timeoutMs: 20_000 });
  t.true(seen.has(first.scanId));
  await eventually(async () => (await states(db)).every((state) => state === 'completed'), { timeoutMs: 40_000 });
});

test('goes on after the server was down for a while', async (t) => {
  const server = await testDatabaseServer(t);
  const queue = await startQueue(t, server.config);
  const seen: string[] = [];
  await queue.consume('dispatch', { concurrency: 2 }, async ({ scanId }) => void seen.push(scanId));
  await server.stopServer();
  await t.throwsAsync(send(server.database, queue, dispatch()), { code: 'unavailable' });
  await server.startServer();
  const message = dispatch();
  await eventually(() => send(server.database, queue, message).then(() => true));
  await eventually(() => seen.length > 0, { timeoutMs: 30_000 });
  t.deepEqual(seen, [message.scanId]);
});

test('starts and stops many times, and stops before it has started', async (t) => {
  const { config } = await testDatabase(t);
  const queue = new PgBossQueue(config, {
    applicationName: 'test-queue',
    role: orchestratorRoles.system,
    mode: 'consume',
    logger: silentLogger,
  });
  await queue.stop();
  for (let round = 0; round < 5; round += 1) {
    await queue.start();
    await Promise.all([queue.stop(), queue.stop()]);
  }
  await t.throwsAsync(queue.depth('dispatch'), { code: 'unavailable' });
});
