import { clientConfig, resolveTls } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import createKnex from 'knex';
import type { Knex } from 'knex';
import pg from 'pg';
import type { Client } from 'pg';
import { withMigrationLock } from './migration-lock.ts';
import { FolderMigrationSource } from './migration-source.ts';
import { ensureQueues, queueSchema } from './queues.ts';
import { ensureGroupRoles, ensureLogin, groupRoles } from './roles.ts';
import type { Login } from './roles.ts';

/** Gets one line for each thing that was done. */
export type MigrationLog = (message: string) => void;

/** Months that have a partition besides the current one. */
const monthsAhead = 3;

const histories = [
  { folder: 'orchestrator', schema: 'public', table: 'migrations' },
  { folder: 'storage', schema: 'storage', table: 'migrations' },
] as const;

/**
 * Brings an empty or older database to the newest schema: group roles, tables, queues, and the partitions of this month and
 * the next three. Any number of processes may call it at once; all return when it is done. The caller's login owns
 * everything and needs CREATEROLE unless the group roles are there.
 */
export async function migrate(config: DatabaseConfig, log: MigrationLog = () => undefined): Promise<void> {
  await underLock(config, async (client, knex) => {
    await ensureGroupRoles(client);
    for (const history of histories) {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${history.schema}`);
      // Only who holds the advisory lock comes here: knex's own lock can but be left from a process that died.
      await knex.migrate.forceFreeMigrationsLock(migratorConfig(history));
      const [, done] = (await knex.migrate.latest(migratorConfig(history))) as [number, string[]];
      for (const name of done) log(`${history.folder}: applied ${name}`);
    }
    await ensureQueues(client);
    for (const name of await ensurePartitions(client)) log(`made partition ${name}`);
  });
}

/** Removes everything that {@link migrate} made in this database. The roles stay: other databases may use them. */
export async function rollback(config: DatabaseConfig, log: MigrationLog = () => undefined): Promise<void> {
  await underLock(config, async (client, knex) => {
    await client.query(`DROP SCHEMA IF EXISTS ${queueSchema} CASCADE`);
    for (const history of histories.toReversed()) {
      if (!(await hasSchema(client, history.schema))) continue;
      await knex.migrate.forceFreeMigrationsLock(migratorConfig(history));
      const [, undone] = (await knex.migrate.rollback(migratorConfig(history), true)) as [number, string[]];
      for (const name of undone) log(`${history.folder}: undid ${name}`);
    }
  });
}

export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly missing: readonly string[];
}

/** Which migrations the database has and lacks, as `folder/name`. */
export async function status(config: DatabaseConfig): Promise<MigrationStatus> {
  const applied: string[] = [];
  const missing: string[] = [];
  await connected(config, async (client) => {
    for (const { folder, schema, table } of histories) {
      const { rows: found } = await client.query<{ present: boolean }>('SELECT to_regclass($1) IS NOT NULL AS present', [
        `${schema}.${table}`,
      ]);
      const { rows } = found[0]!.present ? await client.query<{ name: string }>(`SELECT name FROM ${schema}.${table}`) : { rows: [] };
      const names = new Set(rows.map(({ name }) => name));
      for (const name of await new FolderMigrationSource(folder).getMigrations())
        (names.has(name) ? applied : missing).push(`${folder}/${name}`);
    }
  });
  return { applied, missing };
}

/**
 * Makes the logins of the processes, for an embedded PostgreSQL and for tests; elsewhere an administrator makes them. Calling
 * it again sets the passwords.
 */
export async function createLogins(
  adminConfig: DatabaseConfig,
  logins: { readonly orchestrator: Login; readonly storage: Login },
): Promise<void> {
  await connected(adminConfig, async (client) => {
    await ensureGroupRoles(client);
    await ensureLogin(client, logins.orchestrator, [groupRoles.organization, groupRoles.system]);
    await ensureLogin(client, logins.storage, [groupRoles.storage]);
  });
}

async function underLock(config: DatabaseConfig, work: (client: Client, knex: Knex) => Promise<void>): Promise<void> {
  await connected(config, async (client, tls) => {
    await withMigrationLock(client, async () => {
      const knex = createKnex({
        client: 'pg',
        connection: clientConfig(config, tls, 'cloudscan-migrations') as Knex.PgConnectionConfig,
        pool: { min: 0, max: 1 },
      });
      try {
        await work(client, knex);
      } finally {
        await knex.destroy();
      }
    });
  });
}

async function connected(config: DatabaseConfig, work: (client: Client, tls: boolean) => Promise<void>): Promise<void> {
  const tls = await resolveTls(config);
  const client = new pg.Client(clientConfig(config, tls, 'cloudscan-migrations'));
  await client.connect();
  try {
    await work(client, tls);
  } finally {
    await client.end();
  }
}

function migratorConfig({ folder, schema, table }: (typeof histories)[number]): Knex.MigratorConfig {
  return { migrationSource: new FolderMigrationSource(folder), schemaName: schema, tableName: table };
}

async function ensurePartitions(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ made: string[] }>(
    `SELECT ensure_partition((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date) AS made FROM generate_series(0, $1) AS ahead`,
    [monthsAhead],
  );
  return rows.flatMap(({ made }) => made);
}

async function hasSchema(client: Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [name]);
  return rowCount !== 0;
}
