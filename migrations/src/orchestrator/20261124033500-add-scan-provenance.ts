import type { Knex } from 'knex';

/** Nullable and without a default or a CHECK: adding it reads no partition. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE scans ADD COLUMN provenance jsonb');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE scans DROP COLUMN provenance');
}
