import { join } from 'node:path';
import { ConfigError } from '@cloudscan/config';
import { runMain, StartUpError } from '@cloudscan/process';
import { createApp, repositoryRoot } from './create-app.ts';
import { loadConfig } from './config.ts';
import type { StandaloneConfig } from './config.ts';
import { stopStack } from './stop-stack.ts';
import { otherStackServes } from './wait-for-other.ts';

const usage = 'start, start --on-demand, or stop';

/** `start` serves until a signal; with `--on-demand` until no client is left. `stop` ends the stack of the data folder. */
async function main(command: string): Promise<void> {
  const onDemand = command === 'start --on-demand';
  const config = loadConfig(process.env, { defaultDataDir: join(repositoryRoot, '.cloudscan'), onDemand });
  switch (command) {
    case 'start':
      return serve(config);
    case 'start --on-demand':
      return (await otherStackServes(config.dataDir)) ? undefined : serve(config);
    case 'stop': {
      const pid = await stopStack(config.dataDir);
      return say(pid === null ? `no stack runs on ${config.dataDir}` : `stopped the stack on ${config.dataDir} (process ${pid})`);
    }
    default:
      throw new ConfigError([`the command is ${JSON.stringify(command)}; it must be ${usage}`]);
  }
}

function serve(config: StandaloneConfig): Promise<void> {
  return runMain(async () => createApp(config, say, end));
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function end(): void {
  process.kill(process.pid, 'SIGTERM');
}

try {
  await main(process.argv.slice(2).join(' '));
} catch (error) {
  const isExpected = error instanceof ConfigError || error instanceof StartUpError;
  say(isExpected ? error.message : ((error as Error).stack ?? String(error)));
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
