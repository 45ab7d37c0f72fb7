import { readDatabaseConfig } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import { EnvReader } from '@cloudscan/config';
import pg from 'pg';

/** The superuser's connection to the server of the run. */
export function serverConfig(): DatabaseConfig {
  const url = process.env['TEST_DATABASE_URL'];
  if (url === undefined || url === '') {
    throw new Error(
      'TEST_DATABASE_URL is not set; run the tests by "npm test", or keep "node --conditions=@cloudscan/source tools/test-database.ts" running and set it to what that prints',
    );
  }
  return configOf(url);
}

/** @param url postgres://user:password@host:port/database */
export function configOf(url: string): DatabaseConfig {
  const { hostname, port, username, password, pathname } = new URL(url);
  const env = new EnvReader({
    DB_HOST: hostname,
    DB_PORT: port || '5432',
    DB_USER: decodeURIComponent(username),
    DB_PASSWORD: decodeURIComponent(password),
    DB_NAME: decodeURIComponent(pathname.slice(1)) || 'postgres',
    DB_SSLMODE: 'disable',
    DB_MAX_CONNS: '10',
    DB_MIN_CONNS: '0',
  });
  const config = readDatabaseConfig(env);
  env.finish();
  return config;
}

/** One connection for statements that no transaction of a scope can run. */
export async function withAdmin<T>(config: DatabaseConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { host, port, user, name: database } = config;
  const client = new pg.Client({ host, port, user, password: config.password.reveal(), database, application_name: 'test-admin' });
  // A server that goes away shows in the statement that runs.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
