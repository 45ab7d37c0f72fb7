import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Service } from '@cloudscan/process';
import type { StandaloneConfig } from './config.ts';
import { watchClients } from './on-demand.ts';
import type { AppName } from './process-plan.ts';
import { Stack } from './stack.ts';
import { statusTable } from './status-table.ts';

/** The root of the repository or of what was shipped of it. */
export const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));

export interface AppOverrides {
  readonly commandOf?: (name: AppName) => readonly [string, ...string[]];
}

/**
 * @param say gets what the user is to read
 * @param end asks the process to stop
 */
export function createApp(config: StandaloneConfig, say: (text: string) => void, end: () => void, overrides: AppOverrides = {}): Service {
  const { version } = JSON.parse(readFileSync(`${repositoryRoot}package.json`, 'utf8')) as { version: string };
  const stack = new Stack({ config, version, commandOf: overrides.commandOf ?? commandOf, onTrouble: say });
  const clients = watchClients(config.dataDir, stack, end, (error) => say(String(error)));
  const stop = async (): Promise<void> => {
    await clients.stop();
    await stack.stop();
  };
  return {
    start: async () => {
      await stack.start();
      say(statusTable(stack.description!, config.dataDir));
      if (config.onDemand) await clients.start();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The processes run as this one does: from their sources or from the build. */
function commandOf(name: AppName): readonly [string, ...string[]] {
  const file = import.meta.filename.endsWith('.ts') ? 'src/main.ts' : 'dist/main.js';
  return [process.execPath, ...process.execArgv, fileURLToPath(new URL(`../../${name}/${file}`, import.meta.url))];
}
