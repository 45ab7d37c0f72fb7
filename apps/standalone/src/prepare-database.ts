import type { DatabaseConfig } from '@cloudscan/database';
import { createDatabase, createLogins, migrate } from '@cloudscan/migrations';
import type { StackSecrets } from './data-folder.ts';
import { databaseName, logins } from './process-plan.ts';

/** Brings a PostgreSQL to where the processes can work with it: its database, their logins, and the newest schema. */
export async function prepareDatabase(port: number, secrets: StackSecrets): Promise<void> {
  const server: DatabaseConfig = {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: secrets.databaseSuperuser,
    name: 'postgres',
    sslMode: 'disable',
    maxConnections: 2,
    minConnections: 0,
  };
  await createDatabase(server, databaseName);
  const database = { ...server, name: databaseName };
  await createLogins(database, {
    orchestrator: { user: logins.orchestrator, password: secrets.databaseOrchestrator },
    storage: { user: logins.storage, password: secrets.databaseStorage },
  });
  await migrate(database);
}
