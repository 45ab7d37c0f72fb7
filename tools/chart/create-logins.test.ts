import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemScope } from '@cloudscan/auth';
import { Secret } from '@cloudscan/config';
import type { DatabaseConfig } from '@cloudscan/database';
import { Database, orchestratorRoles } from '@cloudscan/database';
import { EmbeddedPostgres } from '@cloudscan/embedded-postgres';
import { migrate } from '@cloudscan/migrations';
import { requires } from '@cloudscan/testing';
import test from 'ava';
import { chartFolder } from './support/helm.ts';

const run = promisify(execFile);
const script = join(chartFolder, 'files', 'create-logins.sh');
const logins = { orchestrator: { user: 'it’s "me"', password: `a'b"c\\d $x` }, storage: { user: 'artifacts', password: 'plain' } };

requires(test, 'psql')('makes logins in an empty server with which processes work once it is migrated, and may be run again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-logins-'));
  const server = new EmbeddedPostgres({
    folder,
    port: 0,
    password: new Secret(randomBytes(16).toString('hex')),
    settings: { fsync: 'off' },
  });
  t.teardown(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await server.start();
  const { hostname, port, username, password, pathname } = new URL(server.url);
  const environment = {
    ...{ PATH: process.env['PATH'], PGHOST: hostname, PGPORT: port, PGPASSWORD: password },
    ...{ POSTGRES_USER: username, POSTGRES_DB: pathname.slice(1) },
    ...{ ORCHESTRATOR_USER: logins.orchestrator.user, ORCHESTRATOR_PASSWORD: logins.orchestrator.password },
    ...{ STORAGE_USER: logins.storage.user, STORAGE_PASSWORD: logins.storage.password },
  };
  const owner: DatabaseConfig = {
    ...{ host: hostname, port: Number(port), user: username, password: new Secret(password), name: pathname.slice(1) },
    ...{ sslMode: 'disable', maxConnections: 2, minConnections: 0 },
  };

  await run(script, [], { env: environment });
  await migrate(owner);
  await run(script, [], { env: environment });

  const { user, password: own } = logins.orchestrator;
  const config = { ...owner, user, password: new Secret(own) };
  const database = await Database.connect(config, { applicationName: 'test', roles: orchestratorRoles });
  t.teardown(() => database.stop());
  await database.ping();
  const { rows } = await database.transaction(systemScope('sweeper'), (transaction) => transaction.query('SELECT current_user AS role'));
  t.deepEqual(rows, [{ role: 'cloudscan_system' }]);
});
