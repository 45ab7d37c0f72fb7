import { ConfigError, readConfig } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import { migrate, rollback, status } from './migrate.ts';

/** `up` (the default), `down` or `status` of the database that `DB_*` names; its login owns the tables. */
async function main(command: string): Promise<void> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const config = readConfig(process.env, readDatabaseConfig);
  switch (command) {
    case 'up':
      return migrate(config, print);
    case 'down':
      return rollback(config, print);
    case 'status': {
      const { applied, missing } = await status(config);
      for (const name of applied) print(`applied  ${name}`);
      for (const name of missing) print(`missing  ${name}`);
      return;
    }
    default:
      throw new ConfigError([`the command is ${JSON.stringify(command)}; it must be up, down or status`]);
  }
}

try {
  await main(process.argv[2] ?? 'up');
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
