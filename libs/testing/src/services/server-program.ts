import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hasEnded } from '@cloudscan/process';
import { findOnPath } from '../requires.ts';
import type { Teardown } from '../test-file.ts';

/** A server that a test talks to on a port of this machine. */
export interface ServerProgram {
  /** On PATH. */
  readonly program: string;
  /** Holds the same program, for machines that have Docker in its place. */
  readonly image: string;
  readonly port: number;
  /** @param host the address to listen on: within a container every one */
  readonly args: (host: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its files: absolute, and the same within a container. */
  readonly folder?: string;
}

/** Starts a server from PATH or, without it, from its image; it ends with the test. Whether it serves already, the caller finds out. */
export async function startServerProgram(t: Teardown, server: ServerProgram): Promise<void> {
  const path = findOnPath(server.program);
  if (path === null) return startContainer(t, server);
  const child = spawn(path, server.args('127.0.0.1'), { stdio: 'ignore', env: { PATH: process.env['PATH'], ...server.env } });
  t.teardown(async () => {
    if (hasEnded(child)) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
}

async function startContainer(t: Teardown, { program, image, port, args, env = {}, folder }: ServerProgram): Promise<void> {
  const { GenericContainer } = await import('testcontainers');
  const container = await new GenericContainer(image)
    .withEntrypoint([program])
    .withCommand([...args('0.0.0.0')])
    .withEnvironment(env)
    .withExposedPorts({ container: port, host: port })
    // Whoever runs the test removes the files.
    .withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`)
    .withBindMounts(folder === undefined ? [] : [{ source: folder, target: folder }])
    .start();
  t.teardown(async () => {
    await container.stop({ timeout: 0 });
  });
}
