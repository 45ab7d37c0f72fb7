import { Secret } from '@cloudscan/config';
import { orchestratorRoles } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { PgBossQueue } from '../src/index.ts';
import { silentLogger } from '@cloudscan/telemetry';

/** A process that takes one message and never ends it, for a test to kill. */
const connection = JSON.parse(process.argv[2]!) as Omit<DatabaseConfig, 'password'> & { readonly password: string };
const queue = new PgBossQueue(
  { ...connection, password: new Secret(connection.password) },
  { applicationName: 'doomed', role: orchestratorRoles.system, mode: 'consume', logger: silentLogger },
);
await queue.start();
await queue.consume('dispatch', { concurrency: 2 }, (message) => {
  process.send!(message);
  return new Promise(() => undefined);
});
process.send!('ready');
