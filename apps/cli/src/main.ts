import { fileURLToPath } from 'node:url';
import { readConfig } from '@cloudscan/config';
import { CommanderError } from 'commander';
import { createActions } from './actions.ts';
import { describeError } from './describe-error.ts';
import { exitCodes } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { createProgram } from './program.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** First signal: cancel and clean up. Second: leave at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitCodes.scanFailed);
      controller.abort();
    });
  }
  return controller.signal;
}

async function main(): Promise<ExitCode> {
  const config = readConfig(process.env, (env) => ({
    server: env.optional('CLOUDSCAN_SERVER'),
    token: env.optional('CLOUDSCAN_TOKEN'),
    dataDir: env.string('CLOUDSCAN_DATA_DIR', `${repository}.cloudscan`),
  }));
  let exitCode: ExitCode = exitCodes.clean;
  const actions = createActions({
    repository,
    cwd: process.cwd(),
    env: process.env,
    signal: abortOnSignals(),
    onExitCode: (code) => (exitCode = code),
  });
  await createProgram(actions, config).parseAsync(process.argv);
  return exitCode;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.clean : exitCodes.usage;
  } else {
    const { message, exitCode } = describeError(error);
    process.stderr.write(`${message}\n`);
    process.exitCode = exitCode;
  }
}
