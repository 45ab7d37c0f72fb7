import { join } from 'node:path';
import { ConfigError } from '@cloudscan/config';
import { runMain, runTask } from '@cloudscan/process';
import { createApp, repositoryRoot } from './create-app.ts';
import { loadConfig } from './config.ts';
import type { StandaloneConfig } from './config.ts';
import { stopStack } from './stop-stack.ts';
import { otherStackServes } from './wait-for-other.ts';

function config(onDemand: boolean): StandaloneConfig {
  return loadConfig(process.env, { defaultDataDir: join(repositoryRoot, '.cloudscan'), onDemand });
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function end(): void {
  process.kill(process.pid, 'SIGTERM');
}

async function serveOnDemand(): Promise<void> {
  const { dataDir } = config(true);
  if (!(await otherStackServes(dataDir))) await runMain(async () => createApp(config(true), say, end));
}

async function stop(): Promise<number> {
  const { dataDir } = config(false);
  const pid = await stopStack(dataDir);
  say(pid === null ? `no stack runs on ${dataDir}` : `stopped the stack on ${dataDir} (process ${pid})`);
  return 0;
}

/** `start` serves until a signal, `start --on-demand` until no client is left; `stop` ends the stack of the data folder. */
const command = process.argv.slice(2).join(' ');
switch (command) {
  case 'start':
    await runMain(async () => createApp(config(false), say, end));
    break;
  case 'start --on-demand':
    await serveOnDemand();
    break;
  case 'stop':
    await runTask(stop);
    break;
  default:
    await runTask(async () => {
      throw new ConfigError([`the command is ${JSON.stringify(command)}; it must be start, start --on-demand, or stop`]);
    });
}
