import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Secret } from '@cloudscan/config';
import { identifyProcess, isPortFree } from '@cloudscan/process';
import { EmbeddedPostgres } from '../src/embedded-postgres.ts';
import type { EmbeddedPostgresOptions } from '../src/embedded-postgres.ts';

/** Most tests use one data folder after the other, since a first start makes it. */
const folder = mkdtempSync(join(tmpdir(), 'cloudscan-postgres-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

function temporaryFolder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cloudscan-postgres-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function postgres(t: ExecutionContext, options: Partial<EmbeddedPostgresOptions> = {}): EmbeddedPostgres {
  const server = new EmbeddedPostgres({ folder, port: 0, password: new Secret('of-this-test'), ...options });
  t.teardown(() => server.stop());
  return server;
}

/** `libs/testing` has this too, but stands on this library. */
async function eventually(check: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !check(); await delay(20)) {
    if (Date.now() > deadline) throw new Error('it did not come to that within 20 s');
  }
}

function postmasterPid(): number {
  return Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** Starts a server from a process of its own, which can be killed. */
async function startElsewhere(t: ExecutionContext) {
  const script = `
    import { EmbeddedPostgres } from '@cloudscan/embedded-postgres';
    import { Secret } from '@cloudscan/config';
    await new EmbeddedPostgres({ folder: process.argv[1], port: 0, password: new Secret('of-this-test') }).start();
    process.stdout.write('started');`;
  const args = ['--conditions=@cloudscan/source', '--input-type=module', '-e', script, folder];
  const starter = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => void starter.kill('SIGKILL'));
  await once(starter.stdout, 'data');
  return starter;
}

test.serial('starts and stops again and again on one port', async (t) => {
  const server = postgres(t);
  await server.stop();
  await server.start();
  const { port } = server;
  for (let round = 0; round < 3; round += 1) {
    await server.start();
    t.is(server.port, port);
    t.false(await isPortFree(port));
    await Promise.all([server.stop(), server.stop()]);
    t.true(await isPortFree(port));
    t.false(existsSync(join(folder, 'lock')));
  }
});

test.serial('writes no password to a file that stays', (t) => {
  t.false(existsSync(join(folder, 'data.password')));
});

test.serial('refuses a folder that another server uses', async (t) => {
  await postgres(t).start();
  await t.throwsAsync(postgres(t).start(), {
    name: 'StartUpError',
    message: `the data folder ${folder} is in use by process ${process.pid}; stop that one first`,
  });
});

test.serial('says so when the port is in use', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  await t.throwsAsync(postgres(t, { port }).start(), {
    name: 'StartUpError',
    message: `port ${port} for PostgreSQL is in use by another process; stop it or choose another port`,
  });
  other.close();
});

test.serial('tells when the server is killed, and starts again after that', async (t) => {
  let ends = 0;
  const server = postgres(t, { onUnexpectedExit: () => (ends += 1) });
  await server.start();
  process.kill(postmasterPid(), 'SIGKILL');
  await eventually(() => ends === 1);
  await server.start();
  t.false(await isPortFree(server.port));
  await server.stop();
  t.is(ends, 1);
});

test.serial('ends with a starter that is killed', async (t) => {
  const starter = await startElsewhere(t);
  const pid = postmasterPid();
  starter.kill('SIGKILL');
  await t.notThrowsAsync(eventually(() => identifyProcess(pid) === null));
});

test.serial('stops a server that outlived its starter all the same, and takes the folder over', async (t) => {
  const starter = await startElsewhere(t);
  const pid = postmasterPid();
  const guardian = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]);
  // Without its guardian nobody tells the server of the starter's end.
  process.kill(guardian, 'SIGSTOP');
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  const server = postgres(t);
  await server.start();
  process.kill(guardian, 'SIGKILL');
  t.is(identifyProcess(pid), null);
  t.not(postmasterPid(), pid);
});

test.serial('is not held up by a number in postmaster.pid that went to another process', async (t) => {
  const server = postgres(t);
  await server.start();
  await server.stop();
  writeFileSync(join(folder, 'data', 'postmaster.pid'), `${process.pid}\n${join(folder, 'data')}\n1\n5432\n\n127.0.0.1\n1 1\nready   \n`);
  await t.notThrowsAsync(server.start());
});

test.serial('replaces the draft of a first start that was interrupted', async (t) => {
  const other = temporaryFolder(t);
  mkdirSync(join(other, 'data.draft'));
  writeFileSync(join(other, 'data.draft', 'PG_VERSION'), '18');
  await postgres(t, { folder: other }).start();
  t.deepEqual([existsSync(join(other, 'data')), existsSync(join(other, 'data.draft'))], [true, false]);
});

test.serial('refuses the data of another major version', async (t) => {
  const other = temporaryFolder(t);
  mkdirSync(join(other, 'data'));
  writeFileSync(join(other, 'data', 'PG_VERSION'), '12\n');
  await t.throwsAsync(postgres(t, { folder: other }).start(), {
    name: 'StartUpError',
    message: /was made by PostgreSQL 12 and this is \d+/,
  });
});

test.serial('says so when the folder cannot be written', async (t) => {
  const parent = temporaryFolder(t);
  chmodSync(parent, 0o500);
  // Root passes any permission; the kernel's own file system refuses it all the same.
  const closed = process.getuid?.() === 0 ? '/sys/cloudscan' : join(parent, 'postgres');
  await t.throwsAsync(postgres(t, { folder: closed }).start(), {
    name: 'StartUpError',
    message: /cannot be made; give this user write access/,
  });
});

test.serial('starts below a folder that only its owner can pass', async (t) => {
  const parent = temporaryFolder(t);
  chmodSync(parent, 0o700);
  await t.notThrowsAsync(postgres(t, { folder: join(parent, 'below', 'postgres') }).start());
});
