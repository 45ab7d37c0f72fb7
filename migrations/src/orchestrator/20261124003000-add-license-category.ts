import type { Knex } from 'knex';

/** Without a CHECK, whose validation would read every partition; the length is held by the use cases. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw("ALTER TABLE findings ADD COLUMN license_category text NOT NULL DEFAULT ''");
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE findings DROP COLUMN license_category');
}
