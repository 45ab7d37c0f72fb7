import { orchestratorRoles } from '@cloudscan/database';
import { getConstructionPlans, getMigrationPlans, PgBoss } from 'pg-boss';
import type { QueueOptions, QueuePolicy } from 'pg-boss';
import pgBossPackage from 'pg-boss/package.json' with { type: 'json' };
import type { Client } from 'pg';

/** The PostgreSQL schema that pg-boss owns. */
export const queueSchema = 'pgboss';

interface QueueDefinition extends QueueOptions {
  readonly policy: QueuePolicy;
  readonly partition: boolean;
  readonly notify: boolean;
}

const day = 86_400;

/**
 * What every queue has in common.
 * - `exclusive`: of messages with one singleton key only one waits or is at work.
 * - Its own table, and a done message goes after a minute, since a large table makes every fetch slow.
 * - A consumer that died lets its message go when its heartbeat is missed, long before the message's time limit.
 */
const common: QueueDefinition = {
  policy: 'exclusive',
  partition: true,
  notify: true,
  expireInSeconds: 600,
  heartbeatSeconds: 10,
  retryBackoff: true,
  retryDelay: 1,
  retryDelayMax: 300,
  deleteAfterSeconds: 60,
  retentionSeconds: 30 * day,
};

/** Tries: a dispatch is given up after some minutes, since its scan waits; what is to be deleted may wait for hours. */
const queues: Readonly<Record<string, QueueDefinition>> = {
  dispatch: { ...common, retryLimit: 8, retryDelayMax: 60 },
  'stop-job': { ...common, retryLimit: 30 },
  'delete-artifacts': { ...common, retryLimit: 100 },
  attest: { ...common, retryLimit: 30 },
};

/** The queue that holds what was tried for the last time. */
function deadLettersOf(queue: string): string {
  return `${queue}-dead-letters`;
}

/** Brings pg-boss's tables to the version of the package, makes the queues, and lets the system role use them. */
export async function ensureQueues(client: Client): Promise<void> {
  await ensureQueueSchema(client);
  const boss = new PgBoss({
    db: { executeSql: (text, values) => client.query(text, values) },
    schema: queueSchema,
    migrate: false,
    supervise: false,
    schedule: false,
  });
  // pg-boss reports through an event what a later call throws anyway.
  boss.on('error', () => undefined);
  await boss.start();
  try {
    for (const [name, definition] of Object.entries(queues)) {
      await boss.createQueue(deadLettersOf(name), { policy: 'standard', deleteAfterSeconds: 30 * day, retentionSeconds: 30 * day });
      await boss.createQueue(name, { ...definition, deadLetter: deadLettersOf(name) });
      const { policy: _policy, partition: _partition, ...changeable } = definition;
      await boss.updateQueue(name, { ...changeable, deadLetter: deadLettersOf(name) });
    }
  } finally {
    await boss.stop({ graceful: false, close: false });
  }
  await client.query(`
    GRANT USAGE ON SCHEMA ${queueSchema} TO ${orchestratorRoles.system};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${queueSchema} TO ${orchestratorRoles.system};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${queueSchema} TO ${orchestratorRoles.system};
  `);
}

async function ensureQueueSchema(client: Client): Promise<void> {
  const installed = await installedVersion(client);
  if (installed === null) await client.query(getConstructionPlans(queueSchema));
  else if (installed < pgBossPackage.pgboss.schema)
    await client.query(getMigrationPlans(queueSchema, installed, { partitionTables: await partitionTables(client) }));
}

async function installedVersion(client: Client): Promise<number | null> {
  const { rows: found } = await client.query<{ present: boolean }>(`SELECT to_regclass('${queueSchema}.version') IS NOT NULL AS present`);
  if (!found[0]!.present) return null;
  const { rows } = await client.query<{ version: number }>(`SELECT version FROM ${queueSchema}.version`);
  return rows[0]?.version ?? null;
}

async function partitionTables(client: Client): Promise<{ tableName: string; policy: QueuePolicy }[]> {
  const { rows } = await client.query<{ tableName: string; policy: QueuePolicy }>(
    `SELECT table_name AS "tableName", policy FROM ${queueSchema}.queue WHERE partition`,
  );
  return rows;
}
