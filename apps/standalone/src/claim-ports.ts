import { setTimeout as delay } from 'node:timers/promises';
import { freePort, isPortFree, StartUpError } from '@cloudscan/process';
import { portVariables } from './config.ts';
import type { Ports } from './config.ts';

/** Milliseconds in which the processes of a stack that was killed give their ports back. */
const releaseLimitMs = 10_000;
const pollMs = 50;

/**
 * Settles every port that is 0 and makes sure that nobody uses the others.
 *
 * @param afterCrash whether processes of an earlier stack may still be on their way out
 * @throws StartUpError naming the variable of a port that is in use
 */
export async function claimPorts(ports: Ports, afterCrash: boolean): Promise<Ports> {
  const deadline = performance.now() + (afterCrash ? releaseLimitMs : 0);
  const claimed = Object.entries(ports).map(
    async ([name, port]: [string, number]) => [name, await claim(portVariables[name as keyof Ports], port, deadline)] as const,
  );
  return Object.fromEntries(await Promise.all(claimed)) as unknown as Ports;
}

async function claim(variable: string, port: number, deadline: number): Promise<number> {
  if (port === 0) return freePort();
  while (!(await isPortFree(port))) {
    if (performance.now() > deadline) {
      throw new StartUpError(
        `port ${port} is in use by another process; stop that one, or set ${variable} to another port (0 takes a free one)`,
      );
    }
    await delay(pollMs);
  }
  return port;
}
