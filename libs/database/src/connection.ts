import type { ClientConfig } from 'pg';
import pg from 'pg';
import type { DatabaseConfig } from './config.ts';

/** Dates and int8 as this project wants them: `timestamptz` a Date (the default), `int8` and `numeric` a number. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (format !== 'binary' && (oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC)) return Number;
    return pg.types.getTypeParser(oid, format as 'text');
  },
} as pg.CustomTypesConfig;

/** What `pg` needs to connect. `prefer` is settled beforehand by {@link resolveTls}. */
export function clientConfig(config: DatabaseConfig, tls: boolean, applicationName: string): ClientConfig {
  return {
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password.reveal(),
    database: config.name,
    application_name: applicationName.slice(0, 63),
    keepAlive: true,
    connectionTimeoutMillis: 5000,
    ssl: tls ? { rejectUnauthorized: config.sslMode === 'verify-full' } : false,
    types,
  };
}

/** Whether to speak TLS: for `prefer`, what the server answers to one attempt. */
export async function resolveTls(config: DatabaseConfig): Promise<boolean> {
  if (config.host.startsWith('/') || config.sslMode === 'disable') return false;
  if (config.sslMode !== 'prefer') return true;
  const client = new pg.Client(clientConfig(config, true, 'cloudscan-tls-probe'));
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as Error).message.includes('does not support SSL')) return false;
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
