import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort } from '@cloudscan/process';
import { eventually } from './eventually.ts';
import { findOnPath } from './requires.ts';
import type { Teardown } from './test-file.ts';

/** A real Redis that a test can take away and bring back. */
export interface TestRedis {
  readonly host: string;
  readonly port: number;
  /** Empty again after a stop. Both are idempotent. */
  start(): Promise<void>;
  /** Ends it at once, as a crash would. */
  stop(): Promise<void>;
}

/** Starts a redis-server from PATH or, without one, from a container. The port stays the same over restarts. */
export async function startRedis(t: Teardown): Promise<TestRedis> {
  const program = findOnPath('redis-server');
  const redis = program === null ? await containerRedis() : localRedis(program, await freePort());
  t.teardown(redis.stop);
  await redis.start();
  return redis;
}

function localRedis(program: string, port: number): TestRedis {
  const host = '127.0.0.1';
  let server: ReturnType<typeof spawn> | null = null;
  const stop = async (): Promise<void> => {
    const running = server;
    server = null;
    if (running === null || running.exitCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  };
  const start = async (): Promise<void> => {
    if (server !== null) return;
    server = spawn(program, ['--port', String(port), '--bind', host, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
    await eventually(() => answers(host, port), { what: 'redis-server' });
  };
  return { host, port, start, stop };
}

async function containerRedis(): Promise<TestRedis> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const port = await freePort();
  const image = new GenericContainer('redis:7-alpine')
    .withExposedPorts({ container: 6379, host: port })
    .withWaitStrategy(Wait.forListeningPorts());
  let container: Awaited<ReturnType<typeof image.start>> | null = null;
  return {
    host: '127.0.0.1',
    port,
    start: async () => {
      container ??= await image.start();
    },
    stop: async () => {
      const running = container;
      container = null;
      await running?.stop({ timeout: 0 });
    },
  };
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [reply] = (await once(socket, 'data')) as [Buffer];
    return reply.toString().startsWith('+PONG');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
