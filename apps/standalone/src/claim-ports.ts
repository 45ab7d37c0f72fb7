import { setTimeout as delay } from 'node:timers/promises';
import { freePorts, isPortFree, StartUpError } from '@cloudscan/process';
import { portVariables } from './config.ts';
import type { Ports } from './config.ts';

/** Milliseconds in which the processes of a stack that was killed give their ports back. */
const releaseLimitMs = 10_000;
const pollMs = 50;

/**
 * Settles every port that is 0 and makes sure that nobody uses the others.
 *
 * @param spare how many more free ports to find
 * @param afterCrash whether processes of an earlier stack may still be on their way out
 * @throws StartUpError naming the variable of a port that is in use
 */
export async function claimPorts(
  ports: Ports,
  spare: number,
  afterCrash: boolean,
): Promise<{ readonly ports: Ports; readonly spare: readonly number[] }> {
  const deadline = performance.now() + (afterCrash ? releaseLimitMs : 0);
  const names = Object.keys(ports) as (keyof Ports)[];
  const fixed = names.filter((name) => ports[name] !== 0);
  await Promise.all(fixed.map((name) => untilFree(portVariables[name], ports[name], deadline)));
  const free = [...(await freePorts(names.length - fixed.length + spare))];
  const claimed = Object.fromEntries(names.map((name) => [name, ports[name] || free.pop()!]));
  return { ports: claimed as unknown as Ports, spare: free };
}

async function untilFree(variable: string, port: number, deadline: number): Promise<void> {
  while (!(await isPortFree(port))) {
    if (performance.now() > deadline) {
      throw new StartUpError(
        `port ${port} is in use by another process; stop that one, or set ${variable} to another port (0 takes a free one)`,
      );
    }
    await delay(pollMs);
  }
}
