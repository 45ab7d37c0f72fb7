import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Secret } from '@cloudscan/config';
import type { DatabaseConfig } from '@cloudscan/database';
import { createLogins, migrate } from '@cloudscan/migrations';
import { withAdmin } from './admin.ts';

/** Any number will do that nothing else on a test server locks. */
const templateLock = 7_206_144;

/** The logins of the processes. Tests share a server, so every run gives them the same passwords. */
export const testLogins = {
  orchestrator: { user: 'cloudscan', password: new Secret('test-orchestrator') },
  storage: { user: 'cloudscan_artifacts', password: new Secret('test-storage') },
};

/**
 * Makes the migrated database that tests clone, once for each state of the migrations and each server, however many test
 * processes ask at the same time.
 *
 * @returns its name
 */
export async function ensureTemplate(server: DatabaseConfig): Promise<string> {
  const template = `cloudscan_template_${fingerprintOfMigrations()}`;
  await withAdmin(server, async (client) => {
    const exists = async (): Promise<boolean> =>
      (await client.query('SELECT FROM pg_database WHERE datname = $1', [template])).rowCount === 1;
    if (await exists()) return;
    await client.query('SELECT pg_advisory_lock($1)', [templateLock]);
    if (await exists()) return;
    const draft = `${template}_draft`;
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${draft}`);
    const config = { ...server, name: draft };
    await createLogins(config, testLogins);
    await migrate(config);
    await client.query(`ALTER DATABASE ${draft} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true`);
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
  });
  return template;
}

function fingerprintOfMigrations(): string {
  const root = dirname(fileURLToPath(import.meta.resolve('@cloudscan/migrations')));
  const hash = createHash('sha256');
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted()) {
    if (/\.(ts|js|sql)$/.test(path) && !/\.(test|d)\.ts$/.test(path)) hash.update(path).update(readFileSync(join(root, path)));
  }
  return hash.digest('hex').slice(0, 16);
}
