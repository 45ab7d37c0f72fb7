import { randomBytes } from 'node:crypto';
import { systemScope } from '@cloudscan/auth';
import { Database, orchestratorRoles } from '@cloudscan/database';
import { uuidV7Maker } from '@cloudscan/domain';
import type { Clock } from '@cloudscan/orchestration';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories, PgCleanerRunRepository } from '@cloudscan/repositories';
import { createLogger } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import { Cleaner } from './cleaner.ts';
import type { CleanerConfig } from './config.ts';

const service = 'cloudscan-cleaner';

export interface CleanerApp extends AsyncDisposable {
  /** Answers the exit code: 0 when all was done, 1 when something is left. */
  run(signal: AbortSignal): Promise<number>;
}

/** What a test may put in another's place. */
export interface Overrides {
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Gets each line of a dry run. */
  readonly print?: (line: string) => void;
}

/** Connects to the database. */
export async function createApp(config: CleanerConfig, overrides: Overrides = {}): Promise<CleanerApp> {
  const log = overrides.log ?? createLogger(service, config.logLevel);
  const clock = overrides.clock ?? { now: () => new Date() };
  const print = overrides.print ?? ((line) => void process.stdout.write(`${line}\n`));
  const database = await Database.connect(config.database, {
    applicationName: service,
    roles: orchestratorRoles,
    onIdleError: (error) => log.warn({ error }, 'an idle database connection was lost'),
  });
  const queue = new PgBossQueue(config.database, {
    applicationName: service,
    role: orchestratorRoles.system,
    mode: 'send',
    logger: log,
  });
  const cleaner = new Cleaner(
    {
      ...{ scope: systemScope('cleaner'), system: createRepositories(database, queue).systemScans, clock },
      runs: new PgCleanerRunRepository(database),
      newId: uuidV7Maker(randomBytes),
    },
    { policy: config.policy, log },
  );
  return {
    run: async (signal) => {
      if (config.isDryRun) {
        const { scans, findings, partitions } = await cleaner.preview(signal);
        print(`would remove ${scans} scans with ${findings} findings`);
        for (const name of partitions) print(`would make partition ${name}`);
        return 0;
      }
      await queue.start();
      const { outcome } = await cleaner.runOnce(signal);
      return outcome === 'succeeded' ? 0 : 1;
    },
    [Symbol.asyncDispose]: async () => {
      await queue.stop();
      await database.stop();
    },
  };
}
